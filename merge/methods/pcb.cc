#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/magnitude.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// Du et al., section 3: parameters compete within a model and between models. Differences here:
// norms and shares are those of a tensor, not of the whole model, and the few smallest and largest
// entries are not clipped.
class PcbMerge {
 public:
  explicit PcbMerge(const TensorMerge& task)
      : task_(task), base_(task.base.in_memory()), total_(base_.size()) {
    for (std::size_t i = 0; i < task_.models.size(); ++i) {
      for (std::size_t k = 0; k < total_.size(); ++k) total_[k] += delta(i, k);
    }
  }

  void merge(std::span<float> out) const {
    std::vector<double> sum(out.size());
    std::vector<double> divisor(out.size());
    for (std::size_t i = 0; i < task_.models.size(); ++i) {
      const std::vector<float> scores = kept_scores(i);
      const double weight = task_.models[i].parameters.at("weight");
      for (std::size_t k = 0; k < out.size(); ++k) {
        sum[k] += weight * scores[k] * delta(i, k);
        divisor[k] += scores[k];
      }
    }
    const double lambda = task_.parameters.at("lambda");
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double mean = divisor[k] == 0 ? 0 : sum[k] / divisor[k];
      out[k] = static_cast<float>(base_[k] + lambda * mean);
    }
  }

 private:
  [[nodiscard]] double delta(std::size_t model, std::size_t element) const {
    return double{task_.models[model].values.in_memory()[element]} - double{base_[element]};
  }

  // beta = exp(N norm(|d|)^2) tanh(d sum_j d_j), norm: from the smallest to the largest |d| as 0 to
  // 1. Not above 0: the other models contradict the entry, and it is not kept.
  [[nodiscard]] std::vector<float> scores(std::size_t model) const {
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    for (std::size_t k = 0; k < base_.size(); ++k) {
      smallest = std::min(smallest, std::abs(delta(model, k)));
      largest = std::max(largest, std::abs(delta(model, k)));
    }
    const double range = largest > smallest ? largest - smallest : 1;
    const auto models = static_cast<double>(task_.models.size());
    std::vector<float> scores(base_.size());
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double d = delta(model, k);
      const double normed = (std::abs(d) - smallest) / range;
      const double score = std::exp(models * normed * normed) * std::tanh(d * total_[k]);
      scores[k] = score <= 0 ? 0.0F : static_cast<float>(score);
    }
    return scores;
  }

  // The `density` largest scores, spread from 0 (the smallest that is kept) to 1; 0 for the others.
  [[nodiscard]] std::vector<float> kept_scores(std::size_t model) const {
    std::vector<float> kept = scores(model);
    const double share = task_.models[model].parameters.at("density");
    const auto k = static_cast<std::size_t>(share * static_cast<double>(kept.size()));
    if (k == 0) return std::vector<float>(kept.size());
    keep_largest(find_magnitude_cut(kept, {}, k), 0, kept);
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    for (const float score : kept) {
      if (score > 0) smallest = std::min(smallest, double{score});
      largest = std::max(largest, double{score});
    }
    for (float& score : kept) {
      if (score == 0) continue;
      const bool is_one_value = largest == smallest;
      score = is_one_value ? 1.0F : static_cast<float>((score - smallest) / (largest - smallest));
    }
    return kept;
  }

  const TensorMerge& task_;
  std::span<const float> base_;
  std::vector<double> total_;  // sum_j d_j
};

}  // namespace

MergeMethod pcb_method() {
  return {
      .name = "pcb",
      .paper =
          "Du et al., NeurIPS 2024, \"Parameter competition balancing for model merging\" "
          "(arXiv:2410.02396), section 3, by tensor",
      .formula =
          "base + lambda sum_i w_i b_i d_i / sum_i b_i; b_i: the largest entries of exp(N a_i^2) "
          "tanh(d_i sum_j d_j), spread from 0 to 1; a_i: abs(d_i), spread from 0 to 1; N models",
      .base = BaseRole::kRequired,
      .min_models = 1,
      .max_models = 64,
      .parameters = {any_number("weight", ParameterScope::kPerModel, 1, "factor of the model"),
                     number_in("density", ParameterScope::kPerModel, {0, 1}, 0.1,
                               "share of the entries that compete"),
                     any_number("lambda", ParameterScope::kGlobal, 1,
                                "factor of the combined delta")},
      .start = start_whole(
          [](const TensorMerge& task, std::span<float> out) { PcbMerge(task).merge(out); }),
      .complaint = nullptr};
}

}  // namespace vlm
