#include "evolve/cma_state.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <Eigen/Eigenvalues>

#include "core/check.h"
#include "core/error.h"
#include "evolve/cma_json.h"

namespace vlm {
namespace {

constexpr double kLargestSigma = 1e32;
constexpr double kSmallestSigma = 1e-200;
constexpr double kSmallestEigenvalue = 1e-100;
// Added to the squared norm by which a negative weight is divided; as in cmaes 0.13.
constexpr double kNormOffset = 1e-8;

using Column = Eigen::Index;

Column column(std::size_t index) {
  return static_cast<Column>(index);
}

// Columns from best to worst; equal ones, and failed ones at the end, in their own order.
std::vector<std::size_t> ranked(std::span<const std::optional<double>> costs) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&costs](std::size_t a, std::size_t b) {
    return costs[a].has_value() && (!costs[b].has_value() || *costs[a] < *costs[b]);
  });
  return order;
}

}  // namespace

CmaState::CmaState(Eigen::VectorXd initial_mean, double sigma, std::size_t population)
    : parameters_(cma_parameters(static_cast<std::size_t>(initial_mean.size()), population)),
      initial_sigma_(sigma),
      mean_(std::move(initial_mean)),
      sigma_(sigma) {
  check(sigma > 0.0, "CmaState: sigma > 0");
  const Eigen::Index n = mean_.size();
  covariance_ = Eigen::MatrixXd::Identity(n, n);
  path_c_ = Eigen::VectorXd::Zero(n);
  path_sigma_ = Eigen::VectorXd::Zero(n);
  decompose();
}

Eigen::VectorXd CmaState::point_of(const Eigen::VectorXd& z) const {
  return mean_ + sigma_ * (axes_.directions * axes_.lengths.cwiseProduct(z));
}

Eigen::VectorXd CmaState::whiten(const Eigen::VectorXd& step) const {
  const Eigen::VectorXd coordinates = axes_.directions.transpose() * step;
  return axes_.directions * coordinates.cwiseQuotient(axes_.lengths);
}

void CmaState::update(const Eigen::MatrixXd& points, std::span<const std::optional<double>> costs) {
  const std::size_t population = parameters_.weights.size();
  check(points.rows() == mean_.size() && points.cols() == column(population) &&
            costs.size() == population,
        "CmaState::update: one column and one cost per candidate");
  const std::vector<std::size_t> order = ranked(costs);
  if (!costs[order.front()].has_value()) return;
  Eigen::MatrixXd steps(mean_.size(), column(population));  // y, best rank first [n, lambda]
  Eigen::VectorXd weights(column(population));              // by rank
  for (std::size_t rank = 0; rank < population; ++rank) {
    steps.col(column(rank)) = (points.col(column(order[rank])) - mean_) / sigma_;
    const bool failed = !costs[order[rank]].has_value();
    const double weight = parameters_.weights[rank];
    weights[column(rank)] = failed ? std::min(weight, 0.0) : weight;
  }
  CmaState next = *this;
  next.move(steps, std::move(weights));
  if (!next.is_in_range()) return;
  next.decompose();
  *this = std::move(next);
}

// One update from the steps y [n, lambda] and their weights [lambda], best rank first.
void CmaState::move(const Eigen::MatrixXd& steps, Eigen::VectorXd weights) {
  ++updates_;
  const auto n = static_cast<double>(mean_.size());
  const CmaParameters& p = parameters_;

  // Selection and recombination, eqs. 41 and 42.
  const Eigen::VectorXd mean_step = steps.leftCols(column(p.mu)) * weights.head(column(p.mu));
  mean_ += sigma_ * mean_step;

  // Step-size control, eqs. 43 and 44.
  path_sigma_ = (1.0 - p.c_sigma) * path_sigma_ +
                std::sqrt(p.c_sigma * (2.0 - p.c_sigma) * p.mu_eff) * whiten(mean_step);
  const double path_norm = path_sigma_.norm();
  sigma_ = std::clamp(sigma_ * std::exp(p.c_sigma / p.d_sigma * (path_norm / p.chi_n - 1.0)),
                      kSmallestSigma, kLargestSigma);

  // Covariance matrix adaptation, eqs. 45 to 47.
  const double path_age = 2.0 * (static_cast<double>(updates_) + 1.0);
  const bool path_is_short = path_norm / std::sqrt(1.0 - std::pow(1.0 - p.c_sigma, path_age)) <
                             (1.4 + 2.0 / (n + 1.0)) * p.chi_n;
  path_c_ *= 1.0 - p.c_c;
  if (path_is_short) path_c_ += std::sqrt(p.c_c * (2.0 - p.c_c) * p.mu_eff) * mean_step;
  const double lost_variance = path_is_short ? 0.0 : p.c_c * (2.0 - p.c_c);
  const double kept = 1.0 + p.c_1 * lost_variance - p.c_1 - p.c_mu * weights.sum();
  for (Column rank = 0; rank < weights.size(); ++rank) {
    if (weights[rank] >= 0.0) continue;
    weights[rank] *= n / (whiten(steps.col(rank)).squaredNorm() + kNormOffset);
  }
  covariance_ = kept * covariance_ + p.c_1 * (path_c_ * path_c_.transpose()) +
                p.c_mu * (steps * weights.asDiagonal() * steps.transpose());
}

bool CmaState::is_in_range() const {
  const auto in_range = [](const auto& numbers) {
    return numbers.allFinite() && numbers.cwiseAbs().maxCoeff() <= kLargestStateNumber;
  };
  return std::isfinite(sigma_) && in_range(mean_) && in_range(covariance_) && in_range(path_c_) &&
         in_range(path_sigma_);
}

// Keeps C symmetric and positive definite, in exact agreement with what restore() computes: the
// axes are always those of the stored matrix.
void CmaState::decompose() {
  covariance_ = (0.5 * (covariance_ + covariance_.transpose())).eval();
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance_);
  check(solver.info() == Eigen::Success, "CmaState: eigen-decomposition of a finite matrix");
  if (solver.eigenvalues()[0] < kSmallestEigenvalue) {
    // 1e-12 is well above the rounding error of a decomposition, so the second one is positive.
    const double floor = std::max(1e-12 * solver.eigenvalues().maxCoeff(), kSmallestEigenvalue * 2);
    const Eigen::VectorXd raised = solver.eigenvalues().cwiseMax(floor);
    covariance_ = solver.eigenvectors() * raised.asDiagonal() * solver.eigenvectors().transpose();
    covariance_ = (0.5 * (covariance_ + covariance_.transpose())).eval();
    solver.compute(covariance_);
    check(solver.info() == Eigen::Success && solver.eigenvalues()[0] > 0.0,
          "CmaState: the repaired matrix is positive definite");
  }
  axes_ = {solver.eigenvectors(), solver.eigenvalues().cwiseSqrt()};
}

std::size_t CmaState::fitness_window() const noexcept {
  const auto n = static_cast<double>(mean_.size());
  const auto population = static_cast<double>(parameters_.weights.size());
  return 10 + static_cast<std::size_t>(std::ceil(30.0 * n / population));
}

std::optional<StopReason> CmaState::stop(std::span<const CmaFitnessRange> recent) const {
  constexpr double kTolerance = 1e-12;
  if (recent.size() >= fitness_window()) {
    CmaFitnessRange all = recent.front();
    for (const CmaFitnessRange& range : recent) {
      all = {std::min(all.low, range.low), std::max(all.high, range.high)};
    }
    if (all.high - all.low < kTolerance) return StopReason{"tol_fun", all.high - all.low};
  }
  const Eigen::VectorXd deviations = covariance_.diagonal().cwiseSqrt();
  const double widest = sigma_ * std::max(deviations.maxCoeff(), path_c_.cwiseAbs().maxCoeff());
  if (widest < kTolerance * initial_sigma_) return StopReason{"tol_x", widest};
  const double growth = sigma_ * axes_.lengths.maxCoeff() / initial_sigma_;
  if (growth > 1e4) return StopReason{"tol_x_up", growth};
  const double ratio = axes_.lengths.maxCoeff() / axes_.lengths.minCoeff();
  if (ratio * ratio > 1e14) return StopReason{"condition_number", ratio * ratio};
  for (Eigen::Index i = 0; i < mean_.size(); ++i) {
    if (mean_[i] == mean_[i] + 0.2 * sigma_ * deviations[i]) {
      return StopReason{"no_effect_coordinate", static_cast<double>(i)};
    }
  }
  const auto axis = static_cast<Eigen::Index>(updates_) % mean_.size();
  const Eigen::VectorXd moved =
      mean_ + 0.1 * sigma_ * axes_.lengths[axis] * axes_.directions.col(axis);
  if (moved == mean_) return StopReason{"no_effect_axis", static_cast<double>(axis)};
  return std::nullopt;
}

Json CmaState::save() const {
  return Json{{"updates", updates_},
              {"initial_sigma", initial_sigma_},
              {"sigma", sigma_},
              {"mean", vector_to_json(mean_)},
              {"path_c", vector_to_json(path_c_)},
              {"path_sigma", vector_to_json(path_sigma_)},
              {"covariance", symmetric_to_json(covariance_)}};
}

void CmaState::restore(const Json& state) {
  const std::string where = "state of CMA-ES";
  const JsonFields fields(state, where);
  CmaState restored = *this;
  restored.updates_ = fields.size("updates");
  restored.initial_sigma_ = fields.number("initial_sigma");
  restored.sigma_ = fields.number("sigma");
  restored.mean_ = vector_from_json(state, "mean", mean_.size(), where);
  restored.path_c_ = vector_from_json(state, "path_c", mean_.size(), where);
  restored.path_sigma_ = vector_from_json(state, "path_sigma", mean_.size(), where);
  restored.covariance_ = symmetric_from_json(state, "covariance", mean_.size(), where);
  const bool good_sigma = restored.initial_sigma_ > 0.0 && restored.sigma_ >= kSmallestSigma &&
                          restored.sigma_ <= kLargestSigma;
  if (!good_sigma) {
    throw Error(ErrorCode::kCorruptFile,
                "bad number: " + where + ": sigma: " + std::to_string(restored.sigma_));
  }
  restored.decompose();
  *this = std::move(restored);
}

Eigen::VectorXd sample_in_unit_cube(const std::function<Eigen::VectorXd()>& draw,
                                    std::size_t max_draws) {
  for (std::size_t i = 0; i < max_draws; ++i) {
    Eigen::VectorXd point = draw();
    if (point.minCoeff() >= 0.0 && point.maxCoeff() <= 1.0) return point;
  }
  return draw().cwiseMax(0.0).cwiseMin(1.0);
}

}  // namespace vlm
