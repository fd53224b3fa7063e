#pragma once

// CMA-ES as an Optimizer: Hansen's evolution strategy with full covariance matrix adaptation and
// active (negative) weights, in the unit cube, with the choices of Optuna's CmaEsSampler: sigma
// relative to the range of each dimension, bounds kept by resampling, then clipping.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evolve/cma_state.h"
#include "evolve/optimizer.h"
#include "evolve/search_space.h"

namespace vlm {

struct CmaEsOptions {
  std::size_t population = 0;  // at least 2; 0 = default_cma_population(dimensions)
  double sigma = 1.0 / 6.0;    // initial step size as a fraction of each dimension's range
  std::uint64_t seed = 0;
  std::size_t max_resampling = 0;  // draws thrown away per candidate before clipping; 0 = 10 * n
  bool evaluate_initial = true;    // candidate 0 of generation 0 is the space's initial point
};

// Not thread-safe. The points depend on the space, the options and the told fitness alone: each
// candidate has a random stream of its own, numbered generation * population + candidate, so the
// generation number is the whole state of the random numbers.
class CmaEs final : public Optimizer {
 public:
  // Throws Error{kInvalidArgument} for a bad space (see validate) or bad options.
  CmaEs(SearchSpace space, const CmaEsOptions& options);

  [[nodiscard]] std::vector<std::vector<double>> ask() const override;
  void tell(std::span<const std::optional<double>> fitness) override;
  [[nodiscard]] std::size_t generation() const noexcept override { return generation_; }
  [[nodiscard]] std::optional<StopReason> stop() const override;
  [[nodiscard]] Json save() const override;
  void restore(const Json& state) override;

  [[nodiscard]] std::size_t population() const noexcept { return options_.population; }
  // The search distribution, in the unit cube.
  [[nodiscard]] const CmaState& state() const noexcept { return state_; }
  [[nodiscard]] const SearchSpace& space() const noexcept { return space_; }

 private:
  void sample_generation();
  void remember_extremes(std::span<const std::optional<double>> fitness);

  SearchSpace space_;
  CmaEsOptions options_;
  CmaState state_;
  std::size_t generation_ = 0;
  Eigen::MatrixXd points_;                       // [n, population], unit cube
  std::vector<CmaFitnessRange> recent_fitness_;  // of the last generations, oldest first
};

}  // namespace vlm
