#include "search/plot_axis.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace vlm {
namespace {

constexpr double kLargest = 1e12;  // beyond, labels would be unreadable and sums inexact
constexpr double kSmallestRange = 1e-9;

// The least of 1, 2, 5 times a power of ten that is no less than `wanted`.
double round_step(double wanted) {
  const double power = std::pow(10.0, std::floor(std::log10(wanted)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= wanted * (1.0 - 1e-9)) return factor * power;
  }
  return 10.0 * power;
}

AxisTicks ticks_with_step(double low, double high, double step) {
  constexpr double kRounding = 1e-6;
  const double first = std::floor(low / step + kRounding);
  const double last = std::max(std::ceil(high / step - kRounding), first + 1.0);
  AxisTicks ticks;
  const auto steps = static_cast<std::size_t>(std::llround(last - first));
  for (std::size_t i = 0; i <= steps; ++i) {
    ticks.values.push_back((first + static_cast<double>(i)) * step);
  }
  ticks.digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + kRounding)));
  return ticks;
}

AxisTicks enclosing(double low, double high, std::size_t count, double least_step) {
  check(count >= 2, "enclosing_ticks: count >= 2");
  low = std::isfinite(low) ? std::clamp(low, -kLargest, kLargest) : 0.0;
  high = std::isfinite(high) ? std::clamp(high, -kLargest, kLargest) : low;
  const double smallest = std::max(1.0, std::abs(low)) * kSmallestRange;
  if (high - low < smallest) {
    const double half = std::max(std::abs(low) * 0.05, 0.05);
    low -= half;
    high = low + 2.0 * half;
  }
  const double wanted = (high - low) / static_cast<double>(count);
  return ticks_with_step(low, high, std::max(round_step(wanted), least_step));
}

}  // namespace

AxisTicks enclosing_ticks(double low, double high, std::size_t count) {
  return enclosing(low, high, count, 0.0);
}

AxisTicks enclosing_whole_ticks(double low, double high, std::size_t count) {
  return enclosing(low, high, count, 1.0);
}

}  // namespace vlm
