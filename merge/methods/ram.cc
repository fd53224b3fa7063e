#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// The blocks that a merge works in.
constexpr std::size_t kBuffers = 3;
struct RegionBuffers {
  explicit RegionBuffers(const InputBlock& inputs)
      : delta(inputs.buffers.first(inputs.size)),
        models(inputs.buffers.subspan(inputs.size, inputs.size)),
        sum(inputs.buffers.last(inputs.size)) {}

  std::span<float> delta;
  std::span<float> models;  // how many models changed an element
  std::span<float> sum;
};

std::span<const float> delta_of(const InputBlock& inputs, std::size_t model,
                                const RegionBuffers& buffers) {
  subtract(inputs.models[model], inputs.base, buffers.delta);
  return buffers.delta;
}

void count_models(const InputBlock& inputs, float threshold, const RegionBuffers& buffers) {
  std::fill(buffers.models.begin(), buffers.models.end(), 0.0F);
  for (std::size_t i = 0; i < inputs.models.size(); ++i) {
    add_one_where_above(delta_of(inputs, i, buffers), threshold, buffers.models);
  }
}

float threshold_of(const TensorMerge& task) {
  return static_cast<float>(task.parameters.at("epsilon"));
}

// Changes of one model alone count `unique_factors` of that model times.
BlockMerge merge_regions(const TensorMerge& task, std::vector<float> unique_factors) {
  const float threshold = threshold_of(task);
  const auto merge = [factors = std::move(unique_factors), threshold](const InputBlock& inputs,
                                                                      std::span<float> out) {
    const RegionBuffers buffers(inputs);
    count_models(inputs, threshold, buffers);
    std::fill(buffers.sum.begin(), buffers.sum.end(), 0.0F);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      add_changes(delta_of(inputs, i, buffers), buffers.models, {threshold, factors[i]},
                  buffers.sum);
    }
    add_to_base(inputs.base, buffers.sum, 1.0F, out);
  };
  return {.unit = 1, .buffers = kBuffers, .merge = merge};
}

BlockMerge start_ram(const TensorMerge& task, ThreadPool& /*pool*/) {
  return merge_regions(task, std::vector<float>(task.models.size(), 1.0F));
}

// Of each model.
std::vector<ChangeCounts> count_all_changes(const TensorMerge& task, ThreadPool& pool) {
  std::vector<std::vector<ChangeCounts>> parts(Parts(elements_of(task)).count(),
                                               std::vector<ChangeCounts>(task.models.size()));
  const float threshold = threshold_of(task);
  for_each_block(task, {.buffers = kBuffers, .takes_bfloat16 = false}, pool,
                 [&](std::size_t part, const InputBlock& inputs) {
                   const RegionBuffers buffers(inputs);
                   count_models(inputs, threshold, buffers);
                   for (std::size_t i = 0; i < inputs.models.size(); ++i) {
                     parts[part][i] +=
                         count_changes(delta_of(inputs, i, buffers), buffers.models, threshold);
                   }
                 });
  std::vector<ChangeCounts> sums(task.models.size());
  for (const std::vector<ChangeCounts>& part : parts) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
  }
  return sums;
}

// RAM+: entries that only model i changed count 1 + r clip(rho_i, 0, alpha) times, rho_i its number
// of shared changes over that of its unique ones.
BlockMerge start_ramplus(const TensorMerge& task, ThreadPool& pool) {
  const double r = task.parameters.at("r");
  const double alpha = task.parameters.at("alpha");
  std::vector<float> factors;
  for (const ChangeCounts& counts : count_all_changes(task, pool)) {
    const auto shared = static_cast<double>(counts.changed - counts.unique);
    const double rho = counts.unique == 0 ? 0 : shared / static_cast<double>(counts.unique);
    factors.push_back(static_cast<float>(1.0 + r * std::clamp(rho, 0.0, alpha)));
  }
  return merge_regions(task, std::move(factors));
}

ParameterSpec epsilon_parameter() {
  return number_in("epsilon", ParameterScope::kGlobal, {0, 1}, 1e-5,
                   "entries that differ by more from the base are changed");
}

constexpr const char* kPaper = "Yuan et al. 2026, \"Behavior knowledge merge\" (RAM)";

}  // namespace

MergeMethod ram_method() {
  return {.name = "ram",
          .paper = kPaper,
          .formula = "base + the mean of the deltas of those models that changed an entry",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {epsilon_parameter(), int8_mask_parameter()},
          .start = start_ram,
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
          .start = start_ramplus,
          .complaint = nullptr};
}

}  // namespace vlm
