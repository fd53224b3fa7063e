#include "tensor/normalization.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.h"
#include "tensor/exponential.h"
#include "tensor/maximum.h"

namespace vlm {
namespace {

// The mean of term(x). Eight partial sums, so that no addition waits for the one before.
template <typename Term>
double mean_of(std::span<const float> x, const Term& term) noexcept {
  constexpr std::size_t kPartialSums = 8;
  std::array<double, kPartialSums> sums{};
  std::size_t first = 0;
  for (; first + kPartialSums <= x.size(); first += kPartialSums) {
    for (std::size_t i = 0; i < kPartialSums; ++i) sums[i] += term(double{x[first + i]});
  }
  for (; first < x.size(); ++first) sums[0] += term(double{x[first]});
  return std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace

void rms_norm(MatrixView<const float> x, std::span<const float> weight, float epsilon,
              MatrixView<float> out) noexcept {
  check(x.cols() == weight.size() && out.rows() == x.rows() && out.cols() == x.cols(),
        "rms_norm: x and out [rows, n], weight [n]");
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<const float> in = x.row(r);
    const double mean = mean_of(in, [](double value) { return value * value; });
    const auto scale = static_cast<float>(1.0 / std::sqrt(mean + double{epsilon}));
    const std::span<float> result = out.row(r);
    for (std::size_t c = 0; c < in.size(); ++c) result[c] = weight[c] * (in[c] * scale);
  }
}

void layer_norm(MatrixView<const float> x, const LayerNormWeights& weights, float epsilon,
                MatrixView<float> out) noexcept {
  check(x.cols() == weights.scale.size() && x.cols() == weights.bias.size() &&
            out.rows() == x.rows() && out.cols() == x.cols(),
        "layer_norm: x and out [rows, n], scale and bias [n]");
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<const float> in = x.row(r);
    const double mean = mean_of(in, [](double value) { return value; });
    const double variance =
        mean_of(in, [mean](double value) { return (value - mean) * (value - mean); });
    const auto scale = static_cast<float>(1.0 / std::sqrt(variance + double{epsilon}));
    const auto center = static_cast<float>(mean);
    const std::span<float> result = out.row(r);
    for (std::size_t c = 0; c < in.size(); ++c) {
      result[c] = (in[c] - center) * scale * weights.scale[c] + weights.bias[c];
    }
  }
}

void softmax(std::span<float> row) noexcept {
  if (row.empty()) return;
  const float most = largest(row);
  if (most == -std::numeric_limits<float>::infinity()) {
    std::fill(row.begin(), row.end(), 0.0F);
    return;
  }
  const auto scale = static_cast<float>(1.0 / exponentials_and_sum(row, -most));
  for (float& value : row) value *= scale;
}

double log_sum_exp(std::span<const float> x) noexcept {
  constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
  if (x.empty()) return kMinusInfinity;
  const float most = largest(x);
  if (most == -std::numeric_limits<float>::infinity()) return kMinusInfinity;
  return double{most} + std::log(sum_of_exponentials(x, -most));
}

}  // namespace vlm
