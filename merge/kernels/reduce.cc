#include "merge/kernels/reduce.h"

#include <array>
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

HWY_INLINE double widen(float value) {
  return value;
}
HWY_INLINE double widen(Bfloat16 stored) {
  return to_float(stored);
}

template <typename Value>
HWY_INLINE InnerProducts products_of(std::span<const Value> a, std::span<const Value> b) {
  Lanes aa{};
  Lanes ab{};
  Lanes bb{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double x = widen(a[i + lane]);
      const double y = widen(b[i + lane]);
      aa[lane] += x * x;
      ab[lane] += x * y;
      bb[lane] += y * y;
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) {
    const double x = widen(a[i]);
    const double y = widen(b[i]);
    aa[i - whole] += x * x;
    ab[i - whole] += x * y;
    bb[i - whole] += y * y;
  }
  return {total(aa), total(ab), total(bb)};
}

template <typename Value>
HWY_INLINE double product_of(std::span<const Value> a, std::span<const Value> b) {
  Lanes lanes{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += widen(a[i + lane]) * widen(b[i + lane]);
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) lanes[i - whole] += widen(a[i]) * widen(b[i]);
  return total(lanes);
}

// Highway exports functions, not templates.

InnerProducts products_of_floats(std::span<const float> a, std::span<const float> b) {
  return products_of(a, b);
}
InnerProducts products_of_halves(std::span<const Bfloat16> a, std::span<const Bfloat16> b) {
  return products_of(a, b);
}
double product_of_floats(std::span<const float> a, std::span<const float> b) {
  return product_of(a, b);
}
double product_of_halves(std::span<const Bfloat16> a, std::span<const Bfloat16> b) {
  return product_of(a, b);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(products_of_floats);
HWY_EXPORT(products_of_halves);
HWY_EXPORT(product_of_floats);
HWY_EXPORT(product_of_halves);

InnerProducts inner_products(std::span<const float> a, std::span<const float> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(products_of_floats)(a, b);
}

InnerProducts inner_products(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(products_of_halves)(a, b);
}

double dot(std::span<const float> a, std::span<const float> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(product_of_floats)(a, b);
}

double dot(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(product_of_halves)(a, b);
}

}  // namespace vlm
#endif
