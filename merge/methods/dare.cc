#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "merge/kernels/marks.h"
#include "merge/methods/methods.h"
#include "merge/methods/random_words.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

// Yu et al., section 3.1: each entry of the delta is dropped with probability 1 - density. It stays
// if its random bits are below density * 2^32; `rescale: inverse` then divides it by the density.
DeltaFilter make_bernoulli_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  const auto limit = static_cast<std::uint64_t>(std::llround(density * 0x1p32));
  if (limit > std::numeric_limits<std::uint32_t>::max()) return KeepAll();
  if (limit == 0) return KeepByMagnitude();
  const bool divides = task.parameters.at("rescale") == kRescaleInverse;
  const auto mark = [words = RandomWords(task, model, "dare"),
                     limit = static_cast<std::uint32_t>(limit)](std::size_t first, std::size_t size,
                                                                const EntryMarks& marks) {
    words.for_each_piece(first, size, [&](std::span<const std::uint32_t> piece, std::size_t done) {
      mark_below(piece, limit, marks.first + done, marks.words);
    });
  };
  return KeepByMark{mark, static_cast<float>(divides ? 1.0 / density : 1.0)};
}

DeltaFilters drop_at_random(const TensorMerge& task, ThreadPool& /*pool*/) {
  return filter_each(task, 1, make_bernoulli_filter);
}

MergeMethod dare_method(const char* name, const char* formula, Consensus consensus) {
  return {.name = name,
          .paper = "Yu et al., ICML 2024, \"Language models are super Mario\" (DARE)",
          .formula = formula,
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters =
              task_vector_parameters({.normalize = false, .rescale = true, .offers_inverse = true}),
          .start = start_task_vectors({drop_at_random, consensus}),
          .complaint = nullptr};
}

}  // namespace

MergeMethod dare_linear_method() {
  return dare_method("dare_linear", "task_arithmetic of deltas with entries dropped at random",
                     Consensus::kNone);
}

MergeMethod dare_ties_method() {
  return dare_method("dare_ties",
                     "deltas with entries dropped at random, combined by the sign vote of ties",
                     Consensus::kSum);
}

}  // namespace vlm
