#include "merge/kernels/reduce.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

// Highway compiles what is between its two namespace macros once for each instruction set. The
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/reduce.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

constexpr std::size_t kLanes = 8;
using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) noexcept {
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

InnerProducts inner_products(std::span<const float> a, std::span<const float> b) {
  Lanes aa{};
  Lanes ab{};
  Lanes bb{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double x = a[i + lane];
      const double y = b[i + lane];
      aa[lane] += x * x;
      ab[lane] += x * y;
      bb[lane] += y * y;
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    aa[i - whole] += x * x;
    ab[i - whole] += x * y;
    bb[i - whole] += y * y;
  }
  return {total(aa), total(ab), total(bb)};
}

double dot(std::span<const float> a, std::span<const float> b) {
  Lanes lanes{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += double{a[i + lane]} * double{b[i + lane]};
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) lanes[i - whole] += double{a[i]} * double{b[i]};
  return total(lanes);
}

double l1_norm(std::span<const float> x) {
  Lanes lanes{};
  const std::size_t whole = x.size() - x.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += std::fabs(double{x[i + lane]});
    }
  }
  for (std::size_t i = whole; i < x.size(); ++i) lanes[i - whole] += std::fabs(double{x[i]});
  return total(lanes);
}
}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(inner_products);
HWY_EXPORT(dot);
HWY_EXPORT(l1_norm);

InnerProducts inner_products(std::span<const float> a, std::span<const float> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(inner_products)(a, b);
}

double dot(std::span<const float> a, std::span<const float> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(dot)(a, b);
}

double l1_norm(std::span<const float> x) noexcept {
  return HWY_DYNAMIC_DISPATCH(l1_norm)(x);
}

}  // namespace vlm
#endif
