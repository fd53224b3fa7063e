#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/kernels/rank_limits.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/random_words.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

// The probability that an entry stays, by its rank in its row (0: the largest magnitude): falling
// evenly from density + epsilon to density - epsilon.
double keep_probability(const ModelTensor& model, std::size_t rank, std::size_t row_size) {
  const double density = model.parameters.at("density");
  if (row_size == 1) return density;
  const double place = static_cast<double>(rank) / static_cast<double>(row_size - 1);
  return density + model.parameters.at("epsilon") * (1 - 2 * place);
}

// The rank of each entry in its row: remembered, or made from a block of the delta.
class RowRanks {
 public:
  RowRanks(const TensorMerge& task, const ModelTensor& model) : row_size_(row_size(task)) {
    if (!model.remember) return;
    remembered_ = model.remember("della ranks", model.values.size(), [&] {
      return rank_magnitudes_in_rows(model.values.in_memory(), task.base.in_memory(), row_size_);
    });
  }

  // Of a block of whole rows of the delta, which begins at `first`; `scratch` may hold them.
  [[nodiscard]] std::span<const std::uint32_t> read(std::size_t first, std::span<const float> block,
                                                    Words& scratch) const {
    if (remembered_ != nullptr) return std::span(*remembered_).subspan(first, block.size());
    scratch = rank_magnitudes_in_rows(block, {}, row_size_);
    return scratch;
  }

 private:
  std::size_t row_size_;
  std::shared_ptr<const Words> remembered_;  // null: they are not
};

// The filter that needs no rank but to know what is kept, and remembers none.
BlockFilter keep_by_limits(Words limits, RandomWords words) {
  return [limits = std::move(limits), words = std::move(words)](std::size_t first,
                                                                std::span<float> block) {
    const std::size_t length = limits.size();
    const auto memory = std::make_unique_for_overwrite<std::uint32_t[]>(length);
    const std::span row_words(memory.get(), length);
    for (std::size_t done = 0; done < block.size(); done += length) {
      words.make(first + done, row_words);
      zero_unless_below_limit_of_rank(block.subspan(done, length), row_words, limits);
    }
  };
}

// Deep et al. (MAGPRUNE): the larger of a row are kept more often.
BlockFilter make_magprune_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  if (density >= 1) return nullptr;
  if (density <= 0 || model.values.empty()) return drop_all;
  const bool divides = task.parameters.at("rescale") == kRescaleInverse;
  std::vector<std::uint32_t> limits;  // by rank: words below keep the entry
  std::vector<float> factors;         // by rank
  for (std::size_t rank = 0; rank < row_size(task); ++rank) {
    const double probability = keep_probability(model, rank, row_size(task));
    limits.push_back(static_cast<std::uint32_t>(std::llround(probability * 0x1p32)));
    if (divides) factors.push_back(static_cast<float>(1.0 / probability));
  }
  if (!divides && !model.remember) {
    return keep_by_limits(std::move(limits), RandomWords(task, model, "della"));
  }
  return [limits = std::move(limits), factors = std::move(factors),
          words = RandomWords(task, model, "della"),
          row_ranks = RowRanks(task, model)](std::size_t first, std::span<float> block) {
    Words scratch;
    const std::span<const std::uint32_t> ranks = row_ranks.read(first, block, scratch);
    words.for_each_piece(
        first, block,
        [&](std::span<const std::uint32_t> bits, std::size_t done, std::span<float> piece) {
          zero_unless_below(piece, bits, ranks.subspan(done, piece.size()), limits);
        });
    if (!factors.empty()) scale_by_rank(block, ranks, factors);
  };
}

DeltaFilters prune_by_rank(const TensorMerge& task, ThreadPool& /*pool*/) {
  return filter_each(task, row_size(task), make_magprune_filter);
}

std::optional<std::string> complain_della(const TensorMerge& task) {
  for (const ModelTensor& model : task.models) {
    const double density = model.parameters.at("density");
    const double epsilon = model.parameters.at("epsilon");
    if (density <= 0 || density >= 1) continue;
    if (density - epsilon > 0 && density + epsilon < 1) continue;
    return "density - epsilon and density + epsilon must be between 0 and 1";
  }
  return std::nullopt;
}

MergeMethod della_like(const char* name, const char* formula, Consensus consensus, bool normalize) {
  MergeMethod method{.name = name,
                     .paper = "Deep et al. 2024, \"DELLA-Merging\"",
                     .formula = formula,
                     .base = BaseRole::kRequired,
                     .min_models = 1,
                     .max_models = 64,
                     .parameters = task_vector_parameters(
                         {.normalize = normalize, .rescale = true, .offers_inverse = true}),
                     .start = start_task_vectors({prune_by_rank, consensus}),
                     .complaint = complain_della};
  method.parameters.push_back(
      number_in("epsilon", ParameterScope::kPerModel, {0, 1}, 0.15,
                "the largest entry of a row is kept with probability density + epsilon, the "
                "smallest with density - epsilon"));
  return method;
}

}  // namespace

MergeMethod della_method() {
  return della_like("della",
                    "deltas with entries dropped at random, small ones more often, combined by the "
                    "sign vote of ties",
                    Consensus::kSum, true);
}

MergeMethod della_linear_method() {
  return della_like("della_linear",
                    "task_arithmetic of deltas with entries dropped at random, small ones more "
                    "often",
                    Consensus::kNone, false);
}

}  // namespace vlm
