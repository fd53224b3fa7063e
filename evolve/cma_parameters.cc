#include "evolve/cma_parameters.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/check.h"

namespace vlm {
namespace {

// Variance effective selection mass: (sum w)^2 / sum w^2; 0 if all weights are 0.
double effective_mass(std::span<const double> weights) {
  double sum = 0.0;
  double sum_of_squares = 0.0;
  for (const double weight : weights) {
    sum += weight;
    sum_of_squares += weight * weight;
  }
  return sum_of_squares > 0.0 ? sum * sum / sum_of_squares : 0.0;
}

// Before scaling: ln((lambda + 1) / 2) - ln(rank), eq. 49.
std::vector<double> raw_weights(std::size_t population) {
  std::vector<double> weights(population);
  for (std::size_t i = 0; i < population; ++i) {
    weights[i] = std::log((static_cast<double>(population) + 1.0) / 2.0) -
                 std::log(static_cast<double>(i) + 1.0);
  }
  return weights;
}

// Positive weights sum to 1, negative ones to -`negative_mass`, eq. 53.
void scale_weights(std::vector<double>& weights, double negative_mass) {
  double positive = 0.0;
  double negative = 0.0;
  for (const double weight : weights) (weight > 0.0 ? positive : negative) += std::abs(weight);
  for (double& weight : weights) {
    weight *= weight >= 0.0 ? 1.0 / positive : negative_mass / negative;
  }
}

}  // namespace

std::size_t default_cma_population(std::size_t dimensions) {
  check(dimensions > 0, "default_cma_population: dimensions > 0");
  return 4 + static_cast<std::size_t>(std::floor(3.0 * std::log(static_cast<double>(dimensions))));
}

CmaParameters cma_parameters(std::size_t dimensions, std::size_t population) {
  check(dimensions > 0 && population >= 2, "cma_parameters: dimensions > 0, population >= 2");
  const auto n = static_cast<double>(dimensions);
  CmaParameters result;
  result.weights = raw_weights(population);
  result.mu = population / 2;
  const std::span<const double> raw(result.weights);
  const double mu_eff = effective_mass(raw.first(result.mu));
  const double mu_eff_minus = effective_mass(raw.subspan(result.mu));
  result.mu_eff = mu_eff;
  result.c_1 = 2.0 / ((n + 1.3) * (n + 1.3) + mu_eff);  // eq. 57
  // Eq. 58; the 1e-8 keeps 1 - c_1 - c_mu above zero for large populations.
  result.c_mu = std::min(1.0 - result.c_1 - 1e-8,
                         2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((n + 2.0) * (n + 2.0) + mu_eff));
  // Eqs. 50, 51, 52. With c_mu = 0 (lambda = 2) only eq. 51 is finite.
  double negative_mass = 1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0);
  if (result.c_mu > 0.0) {
    negative_mass = std::min({negative_mass, 1.0 + result.c_1 / result.c_mu,
                              (1.0 - result.c_1 - result.c_mu) / (n * result.c_mu)});
  }
  scale_weights(result.weights, negative_mass);
  result.c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);  // eq. 55
  result.d_sigma =
      1.0 + 2.0 * std::max(0.0, std::sqrt((mu_eff - 1.0) / (n + 1.0)) - 1.0) + result.c_sigma;
  result.c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);  // eq. 56
  result.chi_n = std::sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
  return result;
}

}  // namespace vlm
