#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "core/philox.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

// 32 random bits for each element. Element i takes word i mod 4 of Philox block i / 4 in the stream
// of its model, so masks depend on seed, tensor name, model and index alone.
Words random_words(std::uint64_t key, std::uint64_t stream, std::size_t size) {
  Words words(size);
  for (std::size_t first = 0; first < size; first += 4) {
    const PhiloxBlock block = philox_block(key, first / 4, stream);
    std::copy_n(block.begin(), std::min<std::size_t>(4, size - first), &words[first]);
  }
  return words;
}

// Yu et al., section 3.1: each entry of the delta is dropped with probability 1 - density. It stays
// if its random bits are below density * 2^32.
BlockFilter make_bernoulli_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  const auto limit = static_cast<std::uint64_t>(std::llround(density * 0x1p32));
  if (limit > std::numeric_limits<std::uint32_t>::max()) return nullptr;
  const std::size_t size = model.values.size();
  const auto make_words = [&task, &model, size] {
    return random_words(philox_key(task.seed, "dare " + std::string(task.name)), model.model, size);
  };
  std::shared_ptr<const Words> words;
  if (model.remember) words = model.remember("dare words", size, make_words);
  if (words == nullptr) words = std::make_shared<const Words>(make_words());
  return [words, limit](std::size_t first, std::span<float> block) {
    zero_unless_below(block, std::span(*words).subspan(first, block.size()),
                      static_cast<std::uint32_t>(limit));
  };
}

MergeMethod dare_method(const char* name, const char* formula, Consensus consensus) {
  return {.name = name,
          .paper = "Yu et al., ICML 2024, \"Language models are super Mario\" (DARE)",
          .formula = formula,
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = task_vector_parameters({.normalize = false, .rescale = true}),
          .merge =
              [consensus](const TensorMerge& task, std::span<float> out) {
                merge_task_vectors(task, {make_bernoulli_filter, consensus}, out);
              },
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
