#pragma once

// The constants of CMA-ES: Hansen 2016, "The CMA Evolution Strategy: A Tutorial"
// (arXiv:1604.00772), table 1, with mu = floor(lambda / 2) and c_m = 1.

#include <cstddef>
#include <vector>

namespace vlm {

// lambda = 4 + floor(3 ln n), eq. 48. REQUIRES: dimensions > 0.
std::size_t default_cma_population(std::size_t dimensions);

// Names as in the tutorial.
struct CmaParameters {
  std::vector<double> weights;  // [lambda], best rank first; positive ones sum to 1
  std::size_t mu = 0;           // ranks that move the mean
  double mu_eff = 0.0;
  double c_1 = 0.0;
  double c_mu = 0.0;
  double c_c = 0.0;
  double c_sigma = 0.0;
  double d_sigma = 0.0;
  double chi_n = 0.0;  // approximate expectation of the norm of a standard normal vector
};

// REQUIRES: dimensions > 0, population >= 2.
CmaParameters cma_parameters(std::size_t dimensions, std::size_t population);

}  // namespace vlm
