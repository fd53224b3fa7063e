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

// Eight partial sums, so that no addition waits for the one before.
double sum_of_squares(std::span<const float> x) noexcept {
  constexpr std::size_t kPartialSums = 8;
  std::array<double, kPartialSums> sums{};
  std::size_t first = 0;
  for (; first + kPartialSums <= x.size(); first += kPartialSums) {
    for (std::size_t i = 0; i < kPartialSums; ++i) {
      const auto value = double{x[first + i]};
      sums[i] += value * value;
    }
  }
  for (; first < x.size(); ++first) sums[0] += double{x[first]} * double{x[first]};
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

void rms_norm(MatrixView<const float> x, std::span<const float> weight, float epsilon,
              MatrixView<float> out) noexcept {
  check(x.cols() == weight.size() && out.rows() == x.rows() && out.cols() == x.cols(),
        "rms_norm: x and out [rows, n], weight [n]");
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<const float> in = x.row(r);
    const double mean = sum_of_squares(in) / static_cast<double>(in.size());
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
    const auto count = static_cast<double>(in.size());
    double sum = 0.0;
    for (const float value : in) sum += double{value};
    const double mean = sum / count;
    double deviations = 0.0;
    for (const float value : in) deviations += (double{value} - mean) * (double{value} - mean);
    const auto scale = static_cast<float>(1.0 / std::sqrt(deviations / count + double{epsilon}));
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
  exponentials(row, -most);
  double sum = 0.0;
  for (const float value : row) sum += double{value};
  const auto scale = static_cast<float>(1.0 / sum);
  for (float& value : row) value *= scale;
}

double log_sum_exp(std::span<const float> x) noexcept {
  constexpr double kNothing = -std::numeric_limits<double>::infinity();
  if (x.empty()) return kNothing;
  const float most = largest(x);
  if (most == -std::numeric_limits<float>::infinity()) return kNothing;
  return double{most} + std::log(sum_of_exponentials(x, -most));
}

}  // namespace vlm
