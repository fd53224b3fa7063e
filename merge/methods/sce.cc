#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/gram.h"
#include "merge/kernels/magnitude.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = 2048;  // elements that are worked on at once, in cache
using Block = std::array<float, kBlock>;

// mergekit takes equal weights where the sum of the mean squares is smaller, which is the case for
// most fine-tuned models.
constexpr double kMergekitSmallestSum = 1e-6;

// Wan et al.: Select, Calculate, Erase.
class SceMerge {
 public:
  explicit SceMerge(const TensorMerge& task)
      : task_(task), deltas_(task.models.size() * kBlock), total_(kBlock), divisor_(kBlock) {}

  void merge(std::span<float> out) {
    if (task_.parameters.at("select_topk") < 1) select(out.size());
    calculate_weights(out.size());
    for_each_block(out.size(), [&](std::size_t first, std::size_t size) {
      erase_and_add(first, out.subspan(first, size));
    });
  }

 private:
  template <typename Use>
  void for_each_block(std::size_t size, Use use) {
    for (std::size_t first = 0; first < size; first += kBlock) {
      use(first, std::min(kBlock, size - first));
    }
  }

  // The selected entries of a model's delta.
  std::span<float> delta(std::size_t model, std::size_t first, std::size_t size) {
    const std::span<float> made = std::span(deltas_).subspan(model * kBlock, size);
    subtract(task_.models[model].values.in_memory().subspan(first, size),
             task_.base.in_memory().subspan(first, size), made);
    if (!variances_.empty()) {
      zero_where_zero(std::span(variances_).subspan(first, size), made);
    }
    return made;
  }

  // Keeps the share `select_topk` of the entries that vary between the models, those that vary
  // most; sets the variances of all others to 0.
  void select(std::size_t size) {
    std::vector<float> variances(size);
    std::size_t varying = 0;
    Vectors inputs;
    for (std::size_t i = 0; i < task_.models.size(); ++i) inputs.push_back(deltas_of(i));
    for_each_block(size, [&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < task_.models.size(); ++i) delta(i, first, count);
      const std::span<float> block = std::span(variances).subspan(first, count);
      population_variance(part_of(inputs, 0, count), block);
      varying += count - static_cast<std::size_t>(std::count(block.begin(), block.end(), 0.0F));
    });
    const auto k =
        static_cast<std::size_t>(static_cast<double>(varying) * task_.parameters.at("select_topk"));
    if (k == 0) {
      std::fill(variances.begin(), variances.end(), 0.0F);
    } else {
      keep_largest(find_magnitude_cut(variances, {}, k), 0, variances);
    }
    variances_ = std::move(variances);
  }
  [[nodiscard]] std::span<const float> deltas_of(std::size_t model) const {
    return std::span(deltas_).subspan(model * kBlock, kBlock);
  }

  // w_i: the mean square of the selected delta, as a share of the sum over the models.
  void calculate_weights(std::size_t size) {
    std::vector<double> squares(task_.models.size());
    for_each_block(size, [&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < squares.size(); ++i) {
        const std::span<float> values = delta(i, first, count);
        squares[i] += dot(values, values);
      }
    });
    double sum = 0;
    for (double& square : squares) sum += square /= static_cast<double>(size);
    const bool is_equal = sum == 0 || (task_.imitates_mergekit && sum < kMergekitSmallestSum);
    for (const double square : squares) {
      const double weight = is_equal ? 1.0 / static_cast<double>(squares.size()) : square / sum;
      weights_.push_back(static_cast<float>(weight));
    }
  }

  // The weighted mean of the entries whose sign is that of the (unweighted) sum.
  void erase_and_add(std::size_t first, std::span<float> out) {
    const std::span<float> total = std::span(total_).first(out.size());
    const std::span<float> divisor = std::span(divisor_).first(out.size());
    Block buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const std::span<float> sum(buffer.data(), out.size());
    for (const std::span<float> each : {total, divisor, sum}) {
      std::fill(each.begin(), each.end(), 0.0F);
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      add_scaled(delta(i, first, out.size()), 1.0F, total);
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const std::span<float> product = std::span(deltas_).subspan(i * kBlock, out.size());
      scale(product, weights_[i]);
      add_agreeing(product, total, weights_[i], sum, divisor);
    }
    replace_zeros_by_one(divisor);
    divide(sum, divisor);
    add_to_base(task_.base.in_memory().subspan(first, out.size()), sum, 1.0F, out);
  }

  const TensorMerge& task_;
  std::vector<float> deltas_;     // [models * kBlock]
  std::vector<float> total_;      // [kBlock]
  std::vector<float> divisor_;    // [kBlock]
  std::vector<float> variances_;  // [n], 0 where not selected; empty: all are selected
  std::vector<float> weights_;    // [models]
};

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
          .start = start_whole(
              [](const TensorMerge& task, std::span<float> out) { SceMerge(task).merge(out); }),
          .complaint = nullptr};
}

}  // namespace vlm
