#pragma once

// The search distribution of CMA-ES, N(mean, sigma^2 C), and its update from one generation: a
// plain minimiser over R^n with no bounds, no random numbers and no idea of where the points came
// from, so that a recorded run can be replayed.
// Hansen 2016 (arXiv:1604.00772), figure 6; numerical details as in the package cmaes 0.13.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "core/json_fields.h"
#include "evolve/cma_parameters.h"
#include "evolve/optimizer.h"

namespace vlm {

// Smallest and largest fitness of one generation, failed candidates left out.
struct CmaFitnessRange {
  double low = 0.0;
  double high = 0.0;
};

// C = B diag(D)^2 B^T.
struct CmaAxes {
  Eigen::MatrixXd directions;  // B [n, n], one unit vector per column
  Eigen::VectorXd lengths;     // D [n], ascending, > 0
};

class CmaState {
 public:
  // REQUIRES: initial_mean is not empty, sigma > 0, population >= 2.
  CmaState(Eigen::VectorXd initial_mean, double sigma, std::size_t population);

  // The point of standard normal coordinates z [n]: mean + sigma B D z.
  [[nodiscard]] Eigen::VectorXd point_of(const Eigen::VectorXd& z) const;

  // Moves the distribution: `points` [n, lambda] in columns, with their costs, SMALLER IS BETTER.
  // A candidate without cost failed: it ranks last and never attracts the mean. Ties, and several
  // failed candidates, rank in the order of the columns. If all failed, or if the step would leave
  // the range of doubles, nothing changes.
  // REQUIRES: every cost is finite or absent.
  void update(const Eigen::MatrixXd& points, std::span<const std::optional<double>> costs);

  // Hansen's stopping criteria (appendix B.3): tol_x, tol_x_up, no_effect_coordinate,
  // no_effect_axis, condition_number; tol_fun when `recent` (oldest first) is long enough and flat.
  [[nodiscard]] std::optional<StopReason> stop(std::span<const CmaFitnessRange> recent) const;
  // The number of generations that tol_fun looks at.
  [[nodiscard]] std::size_t fitness_window() const noexcept;

  [[nodiscard]] const CmaParameters& parameters() const noexcept { return parameters_; }
  [[nodiscard]] std::size_t updates() const noexcept { return updates_; }
  [[nodiscard]] const Eigen::VectorXd& mean() const noexcept { return mean_; }
  [[nodiscard]] double sigma() const noexcept { return sigma_; }
  [[nodiscard]] const Eigen::MatrixXd& covariance() const noexcept { return covariance_; }
  [[nodiscard]] const Eigen::VectorXd& path_c() const noexcept { return path_c_; }
  [[nodiscard]] const Eigen::VectorXd& path_sigma() const noexcept { return path_sigma_; }
  [[nodiscard]] const CmaAxes& axes() const noexcept { return axes_; }

  [[nodiscard]] Json save() const;
  // Throws Error{kCorruptFile} for anything that save() cannot have written; then nothing changes.
  void restore(const Json& state);

 private:
  [[nodiscard]] Eigen::VectorXd whiten(const Eigen::VectorXd& step) const;  // C^(-1/2) y
  void move(const Eigen::MatrixXd& steps, Eigen::VectorXd weights);
  [[nodiscard]] bool is_in_range() const;
  void decompose();

  CmaParameters parameters_;
  double initial_sigma_ = 0.0;
  std::size_t updates_ = 0;
  Eigen::VectorXd mean_;  // [n]
  double sigma_ = 0.0;
  Eigen::MatrixXd covariance_;  // C [n, n], symmetric
  Eigen::VectorXd path_c_;      // p_c [n]
  Eigen::VectorXd path_sigma_;  // p_sigma [n]
  CmaAxes axes_;                // of covariance_
};

// The first of `max_draws` points that lies in [0, 1]^n; otherwise one more point, clipped.
Eigen::VectorXd sample_in_unit_cube(const std::function<Eigen::VectorXd()>& draw,
                                    std::size_t max_draws);

}  // namespace vlm
