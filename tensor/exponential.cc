#include "tensor/exponential.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/exponential.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Vector = hn::VFromD<Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;
constexpr std::size_t kPartialSums = 16;  // for every instruction set

HWY_INLINE Vector all(float value) {
  return hn::Set(Floats(), value);
}

HWY_INLINE Vector exponential(Vector x) {
  // Outside this range the exponent of 2^n would run over.
  constexpr float kSmallest = -87.3F;
  constexpr float kLargest = 88.0F;
  constexpr float kLog2e = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const Vector shifted = hn::MulAdd(x, all(kLog2e), all(kRounder));
  const Vector n = hn::Sub(shifted, all(kRounder));
  const Vector r = hn::NegMulAdd(n, all(kLn2Low), hn::NegMulAdd(n, all(kLn2High), x));
  Vector sum = all(1.0F / 5040.0F);
  for (const float coefficient :
       {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F, 1.0F / 6.0F, 0.5F, 1.0F, 1.0F}) {
    sum = hn::MulAdd(sum, r, all(coefficient));
  }
  // The low bits of `shifted` are n; they become the exponent of 2^n.
  const hn::RebindToUnsigned<Floats> bits;
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, 127U)));
  const Vector result = hn::Mul(sum, hn::BitCast(Floats(), exponent));
  const Vector bounded = hn::IfThenElse(hn::Lt(x, all(kSmallest)), all(0.0F), result);
  return hn::IfThenElse(hn::Gt(x, all(kLargest)), all(std::numeric_limits<float>::infinity()),
                        bounded);
}

// x = transform(x), a vector at a time; the last one is filled up with zeros.
template <typename Transform>
HWY_INLINE void transform_lanes(std::span<float> x, const Transform& transform) {
  const Floats floats;
  const std::size_t whole = x.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    hn::StoreU(transform(hn::LoadU(floats, &x[i])), floats, &x[i]);
  }
  if (whole == x.size()) return;
  HWY_ALIGN std::array<float, kLanes> rest{};
  const auto first = x.begin() + static_cast<std::ptrdiff_t>(whole);
  std::copy(first, x.end(), rest.begin());
  hn::Store(transform(hn::Load(floats, rest.data())), floats, rest.data());
  std::copy_n(rest.begin(), x.size() - whole, first);
}

void exponentials(std::span<float> x, float shift) {
  transform_lanes(x, [shift](Vector lanes) { return exponential(hn::Add(lanes, all(shift))); });
}

void multiply_by_sigmoid(std::span<float> x, float slope) {
  transform_lanes(x, [slope](Vector lanes) {
    return hn::Div(lanes, hn::Add(exponential(hn::Mul(lanes, all(-slope))), all(1.0F)));
  });
}

// The sum of e^(x + shift), each written to `results` unless that is null.
double sum_of_exponentials(std::span<const float> x, float shift, float* results) {
  constexpr std::size_t kVectors = kPartialSums / kLanes;
  const Floats floats;
  std::array<Vector, kVectors> sums;
  for (Vector& sum : sums) sum = all(0.0F);
  const auto add = [&](const float* values, float* out) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Vector lanes = hn::LoadU(floats, values + v * kLanes);
      const Vector result = exponential(hn::Add(lanes, all(shift)));
      if (out != nullptr) hn::StoreU(result, floats, out + v * kLanes);
      sums[v] = hn::Add(sums[v], result);
    }
  };
  const std::size_t whole = x.size() / kPartialSums * kPartialSums;
  for (std::size_t i = 0; i < whole; i += kPartialSums) {
    add(&x[i], results == nullptr ? nullptr : results + i);
  }
  std::array<float, kPartialSums> rest{};
  rest.fill(-std::numeric_limits<float>::infinity());  // adds nothing
  std::copy(x.begin() + static_cast<std::ptrdiff_t>(whole), x.end(), rest.begin());
  add(rest.data(), rest.data());
  if (results != nullptr) std::copy_n(rest.begin(), x.size() - whole, results + whole);
  for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], floats, &rest[v * kLanes]);
  double total = 0.0;
  for (const float sum : rest) total += double{sum};
  return total;
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(exponentials);
HWY_EXPORT(multiply_by_sigmoid);
HWY_EXPORT(sum_of_exponentials);

void exponentials(std::span<float> x, float shift) noexcept {
  HWY_DYNAMIC_DISPATCH(exponentials)(x, shift);
}

void multiply_by_sigmoid(std::span<float> x, float slope) noexcept {
  HWY_DYNAMIC_DISPATCH(multiply_by_sigmoid)(x, slope);
}

double sum_of_exponentials(std::span<const float> x, float shift) noexcept {
  return HWY_DYNAMIC_DISPATCH(sum_of_exponentials)(x, shift, nullptr);
}

double exponentials_and_sum(std::span<float> x, float shift) noexcept {
  return HWY_DYNAMIC_DISPATCH(sum_of_exponentials)(x, shift, x.data());
}

}  // namespace vlm
#endif
