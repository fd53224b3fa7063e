#pragma once

// The greedy soup of Wortsman et al., ICML 2022, "Model soups", recipe 1: the models by falling
// fitness, each joins if the mean with it is fitter than without it.

#include <cstddef>
#include <vector>

#include "evolve/optimizer.h"
#include "evolve/search_space.h"

namespace vlm {

// Each dimension is the weight of one model: its lowest value leaves the model out, its highest
// takes it in. Generation 0 has one point for each model alone, every other one point: the soup and
// the next model. After 2 n - 1 points all models were tried; later generations ask for the soup.
class GreedySoup final : public Optimizer {
 public:
  // Throws Error{kInvalidArgument} as validate().
  explicit GreedySoup(SearchSpace space);

  [[nodiscard]] std::vector<std::vector<double>> ask() const override;
  void tell(std::span<const std::optional<double>> fitness) override;
  [[nodiscard]] std::size_t generation() const noexcept override { return generation_; }
  // "all_models_tried" with the number of models in the soup.
  [[nodiscard]] std::optional<StopReason> stop() const override;
  [[nodiscard]] Json save() const override;
  void restore(const Json& state) override;

 private:
  [[nodiscard]] std::vector<double> point_of(std::span<const std::size_t> models) const;
  void rank(std::span<const std::optional<double>> fitness);

  SearchSpace space_;
  std::size_t generation_ = 0;
  std::vector<std::size_t> order_;  // models by falling fitness, those that failed last
  std::vector<std::size_t> soup_;   // models that are in it
  double fitness_ = 0;              // of the soup
};

}  // namespace vlm
