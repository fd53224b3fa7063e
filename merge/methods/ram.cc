#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = 2048;  // elements that are worked on at once, in cache
using Block = std::array<float, kBlock>;

// Calls use(first, size) for blocks that cover [0, size).
template <typename Use>
void for_each_block(std::size_t size, Use use) {
  for (std::size_t first = 0; first < size; first += kBlock) {
    use(first, std::min(kBlock, size - first));
  }
}

class RegionMerge {
 public:
  explicit RegionMerge(const TensorMerge& task)
      : task_(task),
        threshold_(static_cast<float>(task.parameters.at("epsilon"))),
        unique_factors_(task.models.size(), 1.0F) {}

  // RAM+: entries that only model i changed count 1 + r clip(rho_i, 0, alpha) times, rho_i its
  // number of shared changes over that of its unique ones.
  void amplify_unique_changes() {
    std::vector<std::size_t> changed(task_.models.size());
    std::vector<std::size_t> unique(task_.models.size());
    for_each_block(task_.base.size(), [&](std::size_t first, std::size_t size) {
      count_models(first, size);
      for (std::size_t i = 0; i < task_.models.size(); ++i) {
        const ChangeCounts counts = count_changes(delta(i, first, size), models(size), threshold_);
        changed[i] += counts.changed;
        unique[i] += counts.unique;
      }
    });
    const double r = task_.parameters.at("r");
    const double alpha = task_.parameters.at("alpha");
    for (std::size_t i = 0; i < task_.models.size(); ++i) {
      if (unique[i] == 0) continue;
      const double rho =
          static_cast<double>(changed[i] - unique[i]) / static_cast<double>(unique[i]);
      unique_factors_[i] = static_cast<float>(1.0 + r * std::clamp(rho, 0.0, alpha));
    }
  }

  void merge(std::span<float> out) {
    for_each_block(out.size(), [&](std::size_t first, std::size_t size) {
      count_models(first, size);
      const std::span<float> sum(sum_.data(), size);
      std::fill(sum.begin(), sum.end(), 0.0F);
      for (std::size_t i = 0; i < task_.models.size(); ++i) {
        add_changes(delta(i, first, size), models(size), {threshold_, unique_factors_[i]}, sum);
      }
      add_to_base(task_.base.subspan(first, size), sum, 1.0F, out.subspan(first, size));
    });
  }

 private:
  std::span<const float> delta(std::size_t model, std::size_t first, std::size_t size) {
    const std::span<float> difference(delta_.data(), size);
    subtract(task_.models[model].values.subspan(first, size), task_.base.subspan(first, size),
             difference);
    return difference;
  }

  // How many models changed each element of the block.
  void count_models(std::size_t first, std::size_t size) {
    const std::span<float> counts(models_.data(), size);
    std::fill(counts.begin(), counts.end(), 0.0F);
    for (std::size_t i = 0; i < task_.models.size(); ++i) {
      add_one_where_above(delta(i, first, size), threshold_, counts);
    }
  }
  [[nodiscard]] std::span<const float> models(std::size_t size) const {
    return {models_.data(), size};
  }

  const TensorMerge& task_;
  float threshold_;
  std::vector<float> unique_factors_;
  Block delta_{};
  Block models_{};
  Block sum_{};
};

ParameterSpec epsilon_parameter() {
  return number_in("epsilon", ParameterScope::kGlobal, {0, 1}, 1e-5,
                   "entries that differ by more from the base are changed");
}

constexpr const char* kPaper = "Yuan et al. 2026, \"Behavior knowledge merge\" (RAM)";

}  // namespace

MergeMethod ram_method() {
  return {
      .name = "ram",
      .paper = kPaper,
      .formula = "base + the mean of the deltas of those models that changed an entry",
      .base = BaseRole::kRequired,
      .min_models = 1,
      .max_models = 64,
      .parameters = {epsilon_parameter(), int8_mask_parameter()},
      .merge = [](const TensorMerge& task, std::span<float> out) { RegionMerge(task).merge(out); },
      .complaint = nullptr};
}

MergeMethod ramplus_tl_method() {
  return {.name = "ramplus_tl",
          .paper = kPaper,
          .formula =
              "ram, but entries that one model alone changed count 1 + r min(shared / unique, "
              "alpha) times, by that model's numbers of changed entries in the tensor",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {epsilon_parameter(),
                         any_number("r", ParameterScope::kGlobal, 0.1,
                                    "how much entries of one model alone are amplified"),
                         number_in("alpha", ParameterScope::kGlobal, {0, 100}, 0.2,
                                   "largest ratio that counts"),
                         int8_mask_parameter()},
          .merge =
              [](const TensorMerge& task, std::span<float> out) {
                RegionMerge regions(task);
                regions.amplify_unique_changes();
                regions.merge(out);
              },
          .complaint = nullptr};
}

}  // namespace vlm
