#include "merge/kernels/weighted_sums.h"

#include <array>
#include <cstddef>

// Highway compiles what is between its two namespace macros once for each instruction set. Sums are
// made of vectors by hand: compilers leave some of these loops without.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/weighted_sums.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "merge/kernels/vector_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename Value>
HWY_INLINE void sum_up(std::span<const Weighted<Value>> models, float divisor,
                       std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    const std::size_t lanes = hn::Lanes(tag);
    Run<decltype(tag), count> sums;
    for (std::size_t j = 0; j < count; ++j) sums[j] = hn::Zero(tag);
    for (const Weighted<Value>& model : models) {
      const auto weight = hn::Set(tag, model.weight);
      const auto values = load_run<count>(tag, model.values.data() + first);
      for (std::size_t j = 0; j < count; ++j) {
        sums[j] = hn::Add(sums[j], hn::Mul(weight, values[j]));
      }
    }
    for (std::size_t j = 0; j < count; ++j) {
      if (divisor != 1.0F) sums[j] = hn::Div(sums[j], hn::Set(tag, divisor));
      hn::StoreU(sums[j], tag, out.data() + first + j * lanes);
    }
  });
}

template <typename Value>
HWY_INLINE void blend_two(std::span<const Value> a, float factor_a, std::span<const Value> b,
                          float factor_b, std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    const auto from_a = load_run<count>(tag, a.data() + first);
    const auto from_b = load_run<count>(tag, b.data() + first);
    for (std::size_t j = 0; j < count; ++j) {
      const auto left = hn::Mul(hn::Set(tag, factor_a), from_a[j]);
      const auto right = hn::Mul(hn::Set(tag, factor_b), from_b[j]);
      hn::StoreU(hn::Add(left, right), tag, out.data() + first + j * hn::Lanes(tag));
    }
  });
}

// Highway exports functions, not templates.

void sum_floats(std::span<const Weighted<float>> models, float divisor, std::span<float> out) {
  sum_up(models, divisor, out);
}
void sum_halves(std::span<const Weighted<Bfloat16>> models, float divisor, std::span<float> out) {
  sum_up(models, divisor, out);
}
void blend_floats(std::span<const float> a, float factor_a, std::span<const float> b,
                  float factor_b, std::span<float> out) {
  blend_two(a, factor_a, b, factor_b, out);
}
void blend_halves(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b,
                  float factor_b, std::span<float> out) {
  blend_two(a, factor_a, b, factor_b, out);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(sum_floats);
HWY_EXPORT(sum_halves);
HWY_EXPORT(blend_floats);
HWY_EXPORT(blend_halves);

void weighted_sum(std::span<const Weighted<float>> models, float divisor,
                  std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(sum_floats)(models, divisor, out);
}
void weighted_sum(std::span<const Weighted<Bfloat16>> models, float divisor,
                  std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(sum_halves)(models, divisor, out);
}

void blend(std::span<const float> a, float factor_a, std::span<const float> b, float factor_b,
           std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(blend_floats)(a, factor_a, b, factor_b, out);
}
void blend(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b, float factor_b,
           std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(blend_halves)(a, factor_a, b, factor_b, out);
}

}  // namespace vlm
#endif
