#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/delta_buffers.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// mergekit takes equal weights where the sum of the mean squares is smaller, which is the case for
// most fine-tuned models.
constexpr double kMergekitSmallestSum = 1e-6;

// A delta for each model, and what is between them and the result.
class SceBuffers : public DeltaBuffers {
 public:
  explicit SceBuffers(const InputBlock& inputs)
      : DeltaBuffers(inputs, inputs.buffers.size() / inputs.size - kFurther) {}

  static BlockNeeds needs(const TensorMerge& task) { return DeltaBuffers::needs(task, kFurther); }

  [[nodiscard]] std::span<float> total() const { return further(0); }
  [[nodiscard]] std::span<float> divisor() const { return further(1); }
  [[nodiscard]] std::span<float> sum() const { return further(2); }

 private:
  static constexpr std::size_t kFurther = 3;
};

// Of the deltas. How many vary tells how many are kept, and which those are tells the weights, so
// that there are three passes before the one that merges. Each makes variances again of deltas that
// it reads anyway and that are in the cache: kept, they would take 4 bytes for each entry of a
// tensor.
void make_variances(const SceBuffers& buffers, std::span<float> out) {
  Vectors deltas;
  for (std::size_t i = 0; i < buffers.num_models(); ++i) deltas.push_back(buffers.delta(i));
  population_variance(deltas, out);
}

// The entries whose variance between the models is among the largest.
struct Selection {
  std::optional<MagnitudeCut> cut;  // absent: none is selected

  void apply(const InputBlock& inputs, const SceBuffers& buffers) const {
    for (std::size_t i = 0; i < buffers.num_models() && !cut; ++i) {
      std::ranges::fill(buffers.delta(i), 0.0F);
    }
    if (!cut) return;
    make_variances(buffers, buffers.total());
    keep_largest(*cut, inputs.first, buffers.total());
    for (std::size_t i = 0; i < buffers.num_models(); ++i) {
      zero_where_zero(buffers.total(), buffers.delta(i));
    }
  }
};

Quantity variances(const TensorMerge& task) {
  return [&task](std::size_t largest) -> ReadBlock {
    const auto reader = std::make_shared<InputBlockReader>(task, largest, SceBuffers::needs(task));
    return [reader](std::size_t first, std::size_t size) {
      const InputBlock& inputs = reader->read(first, size);
      const SceBuffers buffers(inputs);
      buffers.make_deltas(inputs);
      make_variances(buffers, buffers.total());
      return std::span<const float>(buffers.total());
    };
  };
}

std::size_t count_varying(const TensorMerge& task, ThreadPool& pool) {
  std::vector<std::size_t> parts(Parts(elements_of(task)).count());
  for_each_block(
      task, SceBuffers::needs(task), pool, [&](std::size_t part, const InputBlock& inputs) {
        const SceBuffers buffers(inputs);
        buffers.make_deltas(inputs);
        make_variances(buffers, buffers.total());
        parts[part] +=
            inputs.size - static_cast<std::size_t>(std::ranges::count(buffers.total(), 0.0F));
      });
  return std::accumulate(parts.begin(), parts.end(), std::size_t{0});
}

// The share `select_topk` of the entries that vary between the models, those that vary most.
std::optional<Selection> select_entries(const TensorMerge& task, ThreadPool& pool) {
  const double share = task.parameters.at("select_topk");
  if (share >= 1) return std::nullopt;
  const auto varying = static_cast<double>(count_varying(task, pool));
  const auto k = static_cast<std::size_t>(varying * share);
  if (k == 0) return Selection{};
  const Quantity quantity = variances(task);
  const WantedCut wanted{0, k};
  return Selection{find_cuts(elements_of(task), {&quantity, 1}, {&wanted, 1}, pool).front()};
}

// Wan et al.: Select, Calculate, Erase.
class SceMerge {
 public:
  SceMerge(const TensorMerge& task, ThreadPool& pool)
      : selection_(select_entries(task, pool)), weights_(calculate_weights(task, pool)) {}

  // The weighted mean of the entries whose sign is that of the (unweighted) sum.
  void merge(const InputBlock& inputs, std::span<float> out) const {
    const SceBuffers buffers(inputs);
    make_selected_deltas(inputs, buffers);
    for (const std::span<float> each : {buffers.total(), buffers.divisor(), buffers.sum()}) {
      std::ranges::fill(each, 0.0F);
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      add_scaled(buffers.delta(i), 1.0F, buffers.total());
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      scale(buffers.delta(i), weights_[i]);
      add_agreeing(buffers.delta(i), buffers.total(), weights_[i], buffers.sum(),
                   buffers.divisor());
    }
    replace_zeros_by_one(buffers.divisor());
    divide(buffers.sum(), buffers.divisor());
    inputs.visit(
        [&](auto base, const auto& /*models*/) { add_to_base(base, buffers.sum(), 1, out); });
  }

 private:
  void make_selected_deltas(const InputBlock& inputs, const SceBuffers& buffers) const {
    buffers.make_deltas(inputs);
    if (selection_) selection_->apply(inputs, buffers);
  }

  // w_i: the mean square of the selected delta, as a share of the sum over the models.
  [[nodiscard]] std::vector<float> calculate_weights(const TensorMerge& task,
                                                     ThreadPool& pool) const {
    const std::size_t num_models = task.models.size();
    std::vector<std::vector<double>> parts(Parts(elements_of(task)).count(),
                                           std::vector<double>(num_models));
    for_each_block(task, SceBuffers::needs(task), pool,
                   [&](std::size_t part, const InputBlock& inputs) {
                     const SceBuffers buffers(inputs);
                     make_selected_deltas(inputs, buffers);
                     for (std::size_t i = 0; i < num_models; ++i) {
                       parts[part][i] += dot(buffers.delta(i), buffers.delta(i));
                     }
                   });
    std::vector<double> squares(num_models);
    for (const std::vector<double>& part : parts) {
      for (std::size_t i = 0; i < num_models; ++i) squares[i] += part[i];
    }
    return shares_of(task, squares);
  }

  static std::vector<float> shares_of(const TensorMerge& task, std::vector<double> squares) {
    double sum = 0;
    for (double& square : squares) sum += square /= static_cast<double>(elements_of(task));
    const bool is_equal = sum == 0 || (task.imitates_mergekit && sum < kMergekitSmallestSum);
    std::vector<float> weights;
    for (const double square : squares) {
      const double weight = is_equal ? 1.0 / static_cast<double>(squares.size()) : square / sum;
      weights.push_back(static_cast<float>(weight));
    }
    return weights;
  }

  std::optional<Selection> selection_;  // absent: all are selected
  std::vector<float> weights_;          // [models]
};

BlockMerge start_sce(const TensorMerge& task, ThreadPool& pool) {
  const auto merge = [sce = SceMerge(task, pool)](const InputBlock& inputs, std::span<float> out) {
    sce.merge(inputs, out);
  };
  const BlockNeeds needs = SceBuffers::needs(task);
  return {
      .unit = 1, .buffers = needs.buffers, .takes_bfloat16 = needs.takes_bfloat16, .merge = merge};
}

}  // namespace

MergeMethod sce_method() {
  return {.name = "sce",
          .paper = "Wan et al. 2024, \"FuseChat\" (SCE)",
          .formula =
              "base + weighted mean of the deltas whose sign is that of their sum, of the entries "
              "that vary most between the models; w_i is the mean of d_i^2",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {number_in("select_topk", ParameterScope::kGlobal, {0, 1}, 1,
                                   "share of the varying entries that is kept"),
                         int8_mask_parameter()},
          .start = start_sce,
          .complaint = nullptr};
}

}  // namespace vlm
