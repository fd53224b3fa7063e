#include "merge/kernels/competition.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "merge/kernels/elementwise.h"

// Highway compiles what is between its two namespace macros once for each instruction set. The
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/competition.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

constexpr std::uint32_t kInfinity = 0x7F800000U;
constexpr std::size_t kChunk = 64;  // elements whose sums stay in the cache

MagnitudeRange magnitude_range(std::span<const float> x) {
  std::uint32_t smallest = kInfinity;
  std::uint32_t above_zero = kInfinity;
  std::uint32_t largest = 0;
  for (const float value : x) {
    const std::uint32_t bits = magnitude_bits(value);
    smallest = std::min(smallest, bits);
    above_zero = std::min(above_zero, bits == 0 ? kInfinity : bits);
    largest = std::max(largest, bits > kInfinity ? 0U : bits);
  }
  return {std::bit_cast<float>(smallest), std::bit_cast<float>(above_zero),
          std::bit_cast<float>(largest)};
}

// e^x for |x| < 700, to 1e-9: x = n ln 2 + r, e^r by its Taylor polynomial (|r| < 0.347).
double exponential(double x) noexcept {
  constexpr double kInverseLn2 = 1.4426950408889634;
  constexpr double kLn2 = 0.6931471805599453;
  constexpr double kShift = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
  const double shifted = x * kInverseLn2 + kShift;
  const double r = x - (shifted - kShift) * kLn2;
  double sum = 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 1.0 / 2;
  sum = sum * r + 1;
  sum = sum * r + 1;
  const std::uint64_t exponent = (std::bit_cast<std::uint64_t>(shifted) + 1023U) << 52U;
  return sum * std::bit_cast<double>(exponent);
}

// For x >= 0, or NaN.
double hyperbolic_tangent(double x) noexcept {
  constexpr double kLargest = 20;  // from there on it is 1
  const double square = x * x;
  const double series =
      x * (1 + square * (-1.0 / 3 + square * (2.0 / 15 + square * (-17.0 / 315))));
  const double falling = exponential(-2 * (x > kLargest ? kLargest : x));
  const double quotient = (1 - falling) / (1 + falling);
  return x < 0.1 ? series : quotient;
}

void competition_scores(std::span<const float> delta, std::span<const float> total,
                        std::size_t models, const MagnitudeRange& range, std::span<float> out) {
  const auto smallest = double{range.smallest};
  const double width =
      range.largest > range.smallest ? double{range.largest} - double{range.smallest} : 1.0;
  const auto count = static_cast<double>(models);
  const float* __restrict values = delta.data();
  const float* __restrict sums = total.data();
  float* __restrict scores = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto d = double{values[i]};
    const double agreement = d * double{sums[i]};
    const double spread = (std::fabs(d) - smallest) / width;
    const double score =
        exponential(count * spread * spread) * hyperbolic_tangent(agreement <= 0 ? 0 : agreement);
    scores[i] = static_cast<float>(score);
  }
}

// Adds one model to the sums of a chunk.
void add_competitor(const Competitor& model, std::size_t first, std::size_t size, double* sum,
                    double* divisor) {
  const auto smallest = double{model.range.smallest_above_zero};
  const double width = double{model.range.largest} - smallest;
  const bool is_one_value = width == 0;
  const float* __restrict delta = model.delta.data() + first;
  const float* __restrict scores = model.scores.data() + first;
  for (std::size_t i = 0; i < size; ++i) {
    const double spread = is_one_value ? 1.0 : (double{scores[i]} - smallest) / width;
    const double share = scores[i] == 0 ? 0.0 : spread;
    sum[i] += model.weight * share * double{delta[i]};
    divisor[i] += share;
  }
}

void add_competing_deltas(std::span<const float> base, std::span<const Competitor> models,
                          double lambda, std::span<float> out) {
  for (std::size_t first = 0; first < out.size(); first += kChunk) {
    const std::size_t size = std::min(kChunk, out.size() - first);
    std::array<double, kChunk> sum{};
    std::array<double, kChunk> divisor{};
    for (const Competitor& model : models) {
      add_competitor(model, first, size, sum.data(), divisor.data());
    }
    for (std::size_t i = 0; i < size; ++i) {
      const double mean = divisor[i] == 0 ? 0.0 : sum[i] / divisor[i];
      out[first + i] = static_cast<float>(double{base[first + i]} + lambda * mean);
    }
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(magnitude_range);
HWY_EXPORT(competition_scores);
HWY_EXPORT(add_competing_deltas);

}  // namespace

void MagnitudeRange::add(const MagnitudeRange& more) noexcept {
  smallest = std::min(smallest, more.smallest);
  smallest_above_zero = std::min(smallest_above_zero, more.smallest_above_zero);
  largest = std::max(largest, more.largest);
}

MagnitudeRange magnitude_range(std::span<const float> x) noexcept {
  return HWY_DYNAMIC_DISPATCH(magnitude_range)(x);
}

void competition_scores(std::span<const float> delta, std::span<const float> total,
                        std::size_t models, const MagnitudeRange& range,
                        std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(competition_scores)(delta, total, models, range, out);
}

void add_competing_deltas(std::span<const float> base, std::span<const Competitor> models,
                          double lambda, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_competing_deltas)(base, models, lambda, out);
}

}  // namespace vlm
#endif  // HWY_ONCE
