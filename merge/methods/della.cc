#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/kernels/random_rivals.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/random_words.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

// Factors by rank that divide entries by the probabilities with which they are kept.
class RankFactors {
 public:
  RankFactors(const TensorMerge& task, const ModelTensor& model) : row_size_(row_size(task)) {
    const double density = model.parameters.at("density");
    const double epsilon = row_size_ == 1 ? 0 : model.parameters.at("epsilon");
    for (std::size_t rank = 0; rank < row_size_; ++rank) {
      const double place =
          static_cast<double>(rank) / static_cast<double>(std::max<std::size_t>(row_size_ - 1, 1));
      factors_.push_back(static_cast<float>(1.0 / (density + epsilon * (1 - 2 * place))));
    }
    if (!model.remember) return;
    remembered_ = model.remember("della ranks", model.values.size(), [&] {
      return rank_magnitudes_in_rows(model.values.in_memory(), task.base.in_memory(), row_size_);
    });
  }

  // The ranks of a block of whole rows of the delta, which begins at `first`; `scratch` may hold
  // them.
  [[nodiscard]] std::span<const std::uint32_t> ranks(std::size_t first,
                                                     std::span<const float> block,
                                                     Words& scratch) const {
    if (remembered_ != nullptr) return std::span(*remembered_).subspan(first, block.size());
    scratch = rank_magnitudes_in_rows(block, {}, row_size_);
    return scratch;
  }
  [[nodiscard]] std::span<const float> by_rank() const noexcept { return factors_; }

 private:
  std::size_t row_size_;
  std::vector<float> factors_;
  std::shared_ptr<const Words> remembered_;  // ranks; null: they are not
};

// Deep et al. (MAGPRUNE): the larger of a row are kept more often. The probability falls evenly
// from density + epsilon for the largest magnitude to density - epsilon for the smallest; a
// comparison with a random other entry has such odds.
DeltaFilter make_magprune_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  if (density >= 1) return KeepAll();
  if (density <= 0 || model.values.empty()) return KeepByMagnitude();
  const std::size_t length = row_size(task);
  const double epsilon = length == 1 ? 0 : model.parameters.at("epsilon");
  const auto limit = [](double probability) {  // 1 as nearly as words tell
    constexpr double kMostWords = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min(std::round(probability * 0x1p32), kMostWords));
  };
  const auto keep = [=, bounds = WordBounds{limit(density - epsilon), limit(density + epsilon)},
                     words = RandomWords(task, model, "della")](std::size_t first,
                                                                std::span<float> block) {
    const auto memory = std::make_unique_for_overwrite<std::uint32_t[]>(length);
    for (std::size_t done = 0; done < block.size(); done += length) {
      const auto row_words = words.read(first + done, std::span(memory.get(), length));
      keep_by_rivals(block.subspan(done, length), row_words, bounds);
    }
  };
  if (task.parameters.at("rescale") != kRescaleInverse) return KeepByBlock{keep};
  return KeepByBlock{
      [keep, factors = RankFactors(task, model)](std::size_t first, std::span<float> block) {
        Words scratch;
        const std::span<const std::uint32_t> ranks = factors.ranks(first, block, scratch);
        keep(first, block);
        scale_by_rank(block, ranks, factors.by_rank());
      }};
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
