#include "merge/kernels/reduce.h"

#include <array>
#include <cstddef>
#include <numeric>

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/reduce.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "merge/kernels/vector_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 8;
using Doubles = hn::CappedTag<double, kLanes>;
constexpr std::size_t kWidth = hn::MaxLanes(Doubles());
constexpr std::size_t kVectors = kLanes / kWidth;  // that hold the lanes

HWY_INLINE double widen(float value) {
  return value;
}
HWY_INLINE double widen(Bfloat16 stored) {
  return to_float(stored);
}

template <typename Value>
HWY_INLINE Vector<Doubles> wide(const Value* values) {
  return hn::PromoteTo(Doubles(), load(hn::Rebind<float, Doubles>(), values));
}

// Eight interleaved sums of products. These are exact: 48 bits of a double's 53.
struct Lanes {
  std::array<Vector<Doubles>, kVectors> sums;
};

HWY_INLINE Lanes no_lanes() {
  Lanes lanes;
  for (auto& sum : lanes.sums) sum = hn::Zero(Doubles());
  return lanes;
}

// With those of the next eight elements.
template <typename Value>
HWY_INLINE Lanes add(Lanes lanes, const Value* a, const Value* b) {
  for (std::size_t v = 0; v < kVectors; ++v) {
    lanes.sums[v] = hn::MulAdd(wide(a + v * kWidth), wide(b + v * kWidth), lanes.sums[v]);
  }
  return lanes;
}

// With what is left from element `first` on, all added.
template <typename Value>
HWY_INLINE double total(const Lanes& lanes, std::span<const Value> a, std::span<const Value> b,
                        std::size_t first) {
  std::array<double, kLanes> sums{};
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(lanes.sums[v], Doubles(), sums.data() + v * kWidth);
  }
  for (std::size_t i = first; i < a.size(); ++i) sums[i - first] += widen(a[i]) * widen(b[i]);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

template <typename Value>
HWY_INLINE InnerProducts products_of(std::span<const Value> a, std::span<const Value> b) {
  Lanes aa = no_lanes();
  Lanes ab = no_lanes();
  Lanes bb = no_lanes();
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    aa = add(aa, a.data() + i, a.data() + i);
    ab = add(ab, a.data() + i, b.data() + i);
    bb = add(bb, b.data() + i, b.data() + i);
  }
  return {total(aa, a, a, whole), total(ab, a, b, whole), total(bb, b, b, whole)};
}

// Several sums at once: one alone would wait for each of its additions.
template <std::size_t kCount, typename Value>
HWY_INLINE void dot_some(std::span<const Value> a, const std::span<const Value>* others,
                         double* products) {
  std::array<Lanes, kCount> sums;
  sums.fill(no_lanes());
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t k = 0; k < kCount; ++k) {
      sums[k] = add(sums[k], a.data() + i, others[k].data() + i);
    }
  }
  for (std::size_t k = 0; k < kCount; ++k) products[k] = total(sums[k], a, others[k], whole);
}

template <typename Value>
HWY_INLINE void dot_all(std::span<const Value> a, std::span<const std::span<const Value>> others,
                        std::span<double> products) {
  std::size_t k = 0;
  for (; k + 3 <= others.size(); k += 3) dot_some<3>(a, &others[k], &products[k]);
  if (k + 2 == others.size()) dot_some<2>(a, &others[k], &products[k]);
  if (k + 1 == others.size()) dot_some<1>(a, &others[k], &products[k]);
}

// Highway exports functions, not templates.

InnerProducts products_of_floats(std::span<const float> a, std::span<const float> b) {
  return products_of(a, b);
}
InnerProducts products_of_halves(std::span<const Bfloat16> a, std::span<const Bfloat16> b) {
  return products_of(a, b);
}
void dot_floats(std::span<const float> a, std::span<const std::span<const float>> others,
                std::span<double> products) {
  dot_all(a, others, products);
}
void dot_halves(std::span<const Bfloat16> a, std::span<const std::span<const Bfloat16>> others,
                std::span<double> products) {
  dot_all(a, others, products);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(products_of_floats);
HWY_EXPORT(products_of_halves);
HWY_EXPORT(dot_floats);
HWY_EXPORT(dot_halves);

InnerProducts inner_products(std::span<const float> a, std::span<const float> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(products_of_floats)(a, b);
}

InnerProducts inner_products(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept {
  return HWY_DYNAMIC_DISPATCH(products_of_halves)(a, b);
}

void dots(std::span<const float> a, std::span<const std::span<const float>> others,
          std::span<double> products) noexcept {
  HWY_DYNAMIC_DISPATCH(dot_floats)(a, others, products);
}

void dots(std::span<const Bfloat16> a, std::span<const std::span<const Bfloat16>> others,
          std::span<double> products) noexcept {
  HWY_DYNAMIC_DISPATCH(dot_halves)(a, others, products);
}

double dot(std::span<const float> a, std::span<const float> b) noexcept {
  double product = 0;
  dots(a, {&b, 1}, {&product, 1});
  return product;
}

double dot(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept {
  double product = 0;
  dots(a, {&b, 1}, {&product, 1});
  return product;
}

}  // namespace vlm
#endif
