#include "merge/kernels/weighted_sums.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// Highway compiles what is between its two namespace macros once for each instruction set. Most
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/weighted_sums.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::uint32_t kSignBit = 0x80000000U;
constexpr std::size_t kTogether = 64;  // sums in registers, inputs read side by side
using Sums = std::array<float, kTogether>;

HWY_INLINE float widen(Bfloat16 stored) {
  return to_float(stored);
}
HWY_INLINE float widen(float value) {
  return value;
}

// Calls some(first, count) for runs that cover `size` elements: with a constant for `count`, which
// makes loops of fixed length, and once for the rest.
template <typename Some>
HWY_INLINE void for_each_run(std::size_t size, const Some& some) {
  std::size_t first = 0;
  for (; first + kTogether <= size; first += kTogether) {
    some(first, std::integral_constant<std::size_t, kTogether>());
  }
  some(first, size - first);
}

// The functions of this kind compute elements [first, first + count).

template <typename Value>
HWY_INLINE void sum_some(std::span<const Weighted<Value>> models, float divisor, std::size_t first,
                         std::size_t count, std::span<float> out) {
  Sums sums{};
  for (const Weighted<Value>& model : models) {
    const Value* __restrict values = model.values.data() + first;
    const float weight = model.weight;
    for (std::size_t i = 0; i < count; ++i) sums[i] += weight * widen(values[i]);
  }
  float* __restrict result = out.data() + first;
  if (divisor != 1.0F) {
    for (std::size_t i = 0; i < count; ++i) result[i] = sums[i] / divisor;
  } else {
    for (std::size_t i = 0; i < count; ++i) result[i] = sums[i];
  }
}

template <typename Value>
HWY_INLINE void sum_up(std::span<const Weighted<Value>> models, float divisor,
                       std::span<float> out) {
  for_each_run(out.size(), [&](std::size_t first, auto count) {
    sum_some(models, divisor, first, count, out);
  });
}

template <typename Value>
HWY_INLINE void add_some_vectors(std::span<const Value> base,
                                 std::span<const Weighted<Value>> models, float factor,
                                 std::size_t first, std::size_t count, std::span<float> out) {
  Sums sums{};
  const Value* __restrict from = base.data() + first;
  for (const Weighted<Value>& model : models) {
    const Value* __restrict values = model.values.data() + first;
    const float weight = model.weight;
    for (std::size_t i = 0; i < count; ++i) {
      sums[i] += weight * (widen(values[i]) - widen(from[i]));
    }
  }
  float* __restrict result = out.data() + first;
  for (std::size_t i = 0; i < count; ++i) result[i] = widen(from[i]) + factor * sums[i];
}

template <typename Value>
HWY_INLINE void add_vectors(std::span<const Value> base, std::span<const Weighted<Value>> models,
                            float factor, std::span<float> out) {
  for_each_run(out.size(), [&](std::size_t first, auto count) {
    add_some_vectors(base, models, factor, first, count, out);
  });
}

template <typename Value>
HWY_INLINE void blend_two(std::span<const Value> a, float factor_a, std::span<const Value> b,
                          float factor_b, std::span<float> out) {
  const Value* __restrict left = a.data();
  const Value* __restrict right = b.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) {
    result[i] = factor_a * widen(left[i]) + factor_b * widen(right[i]);
  }
}

struct Run {
  std::size_t first;
  std::size_t count;
};

template <typename Value>
HWY_INLINE void add_some_sparse(std::span<const Value> base, std::span<const SparseDelta> deltas,
                                float divisor, float factor, Run run, std::span<float> out) {
  Sums sums{};
  for (const SparseDelta& delta : deltas) {
    const float* __restrict values = delta.values.data() + run.first;
    const float rescale = delta.rescale;
    const float weight = delta.weight;
    for (std::size_t i = 0; i < run.count; ++i) sums[i] += weight * (rescale * values[i]);
  }
  const Value* __restrict from = base.data() + run.first;
  float* __restrict result = out.data() + run.first;
  for (std::size_t i = 0; i < run.count; ++i) {
    result[i] = widen(from[i]) + factor * (sums[i] / divisor);
  }
}

template <typename Value>
HWY_INLINE void add_sparse(std::span<const Value> base, std::span<const SparseDelta> deltas,
                           float divisor, float factor, std::span<float> out) {
  for_each_run(out.size(), [&](std::size_t first, auto count) {
    add_some_sparse(base, deltas, divisor, factor, {first, count}, out);
  });
}

// The vote is made of vectors by hand: compilers make branches of it, and signs of deltas are as
// unpredictable as coins.
using Floats = hn::ScalableTag<float>;
using Words = hn::RebindToUnsigned<Floats>;
using FloatVector = hn::VFromD<Floats>;

HWY_INLINE FloatVector load(const float* values) {
  return hn::LoadU(Floats(), values);
}
HWY_INLINE FloatVector load(const Bfloat16* values) {
  const hn::Rebind<std::uint16_t, Floats> halves;
  const auto bits = hn::LoadU(halves, reinterpret_cast<const std::uint16_t*>(values));
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(Words(), bits)));
}

HWY_INLINE FloatVector product(const SparseDelta& delta, std::size_t i) {
  const auto values = hn::LoadU(Floats(), delta.values.data() + i);
  return hn::Mul(hn::Set(Floats(), delta.weight),
                 hn::Mul(hn::Set(Floats(), delta.rescale), values));
}

// (sum of those that agree) or their mean, for a vector of elements from i on.
HWY_INLINE FloatVector agreeing_sum(std::span<const SparseDelta> deltas, bool normalize,
                                    std::size_t i) {
  const Floats floats;
  const Words words;
  const auto sign = hn::Set(words, kSignBit);
  FloatVector total = hn::Zero(floats);
  for (const SparseDelta& delta : deltas) total = hn::Add(total, product(delta, i));
  const auto total_bits = hn::BitCast(words, total);
  const auto majority = hn::IfThenElseZero(hn::Lt(sign, total_bits), sign);  // -0 is positive
  FloatVector sum = hn::Zero(floats);
  FloatVector divisor = hn::Zero(floats);
  for (const SparseDelta& delta : deltas) {
    const auto p = product(delta, i);
    const auto bits = hn::BitCast(words, p);
    const auto disagrees = hn::And(hn::Xor(bits, majority), sign);
    const auto magnitude = hn::AndNot(sign, bits);
    const auto agrees =
        hn::AndNot(hn::Eq(magnitude, hn::Zero(words)), hn::Eq(disagrees, hn::Zero(words)));
    const auto mask = hn::RebindMask(floats, agrees);
    sum = hn::Add(sum, hn::IfThenElseZero(mask, p));
    divisor = hn::Add(divisor, hn::IfThenElseZero(mask, hn::Set(floats, delta.weight)));
  }
  if (!normalize) return sum;
  const auto is_none = hn::Eq(divisor, hn::Zero(floats));
  return hn::Div(sum, hn::IfThenElse(is_none, hn::Set(floats, 1.0F), divisor));
}

// The same for one element.
HWY_INLINE float agreeing_sum_of_one(std::span<const SparseDelta> deltas, bool normalize,
                                     std::size_t i) {
  float total = 0;
  for (const SparseDelta& delta : deltas) {
    total += delta.weight * (delta.rescale * delta.values[i]);
  }
  const bool is_negative = std::bit_cast<std::uint32_t>(total) > kSignBit;
  float sum = 0;
  float divisor = 0;
  for (const SparseDelta& delta : deltas) {
    const float p = delta.weight * (delta.rescale * delta.values[i]);
    const auto bits = std::bit_cast<std::uint32_t>(p);
    if ((bits & ~kSignBit) == 0 || ((bits & kSignBit) != 0) != is_negative) continue;
    sum += p;
    divisor += delta.weight;
  }
  return normalize ? sum / (divisor == 0.0F ? 1.0F : divisor) : sum;
}

template <typename Value>
HWY_INLINE void add_agreeing(std::span<const Value> base, std::span<const SparseDelta> deltas,
                             bool normalize, float factor, std::span<float> out) {
  const Floats floats;
  const std::size_t lanes = hn::Lanes(floats);
  std::size_t i = 0;
  for (; i + lanes <= out.size(); i += lanes) {
    const auto step = hn::Mul(hn::Set(floats, factor), agreeing_sum(deltas, normalize, i));
    hn::StoreU(hn::Add(load(base.data() + i), step), floats, out.data() + i);
  }
  for (; i < out.size(); ++i) {
    out[i] = widen(base[i]) + factor * agreeing_sum_of_one(deltas, normalize, i);
  }
}

// Highway exports functions, not templates.

void sum_floats(std::span<const Weighted<float>> models, float divisor, std::span<float> out) {
  sum_up(models, divisor, out);
}
void sum_halves(std::span<const Weighted<Bfloat16>> models, float divisor, std::span<float> out) {
  sum_up(models, divisor, out);
}
void add_float_vectors(std::span<const float> base, std::span<const Weighted<float>> models,
                       float factor, std::span<float> out) {
  add_vectors(base, models, factor, out);
}
void add_half_vectors(std::span<const Bfloat16> base, std::span<const Weighted<Bfloat16>> models,
                      float factor, std::span<float> out) {
  add_vectors(base, models, factor, out);
}
void blend_floats(std::span<const float> a, float factor_a, std::span<const float> b,
                  float factor_b, std::span<float> out) {
  blend_two(a, factor_a, b, factor_b, out);
}
void blend_halves(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b,
                  float factor_b, std::span<float> out) {
  blend_two(a, factor_a, b, factor_b, out);
}
void add_sparse_to_floats(std::span<const float> base, std::span<const SparseDelta> deltas,
                          float divisor, float factor, std::span<float> out) {
  add_sparse(base, deltas, divisor, factor, out);
}
void add_sparse_to_halves(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                          float divisor, float factor, std::span<float> out) {
  add_sparse(base, deltas, divisor, factor, out);
}
void add_agreeing_to_floats(std::span<const float> base, std::span<const SparseDelta> deltas,
                            bool normalize, float factor, std::span<float> out) {
  add_agreeing(base, deltas, normalize, factor, out);
}
void add_agreeing_to_halves(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                            bool normalize, float factor, std::span<float> out) {
  add_agreeing(base, deltas, normalize, factor, out);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(sum_floats);
HWY_EXPORT(sum_halves);
HWY_EXPORT(add_float_vectors);
HWY_EXPORT(add_half_vectors);
HWY_EXPORT(blend_floats);
HWY_EXPORT(blend_halves);
HWY_EXPORT(add_sparse_to_floats);
HWY_EXPORT(add_sparse_to_halves);
HWY_EXPORT(add_agreeing_to_floats);
HWY_EXPORT(add_agreeing_to_halves);

void weighted_sum(std::span<const Weighted<float>> models, float divisor,
                  std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(sum_floats)(models, divisor, out);
}
void weighted_sum(std::span<const Weighted<Bfloat16>> models, float divisor,
                  std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(sum_halves)(models, divisor, out);
}

void add_task_vectors(std::span<const float> base, std::span<const Weighted<float>> models,
                      float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_float_vectors)(base, models, factor, out);
}
void add_task_vectors(std::span<const Bfloat16> base, std::span<const Weighted<Bfloat16>> models,
                      float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_half_vectors)(base, models, factor, out);
}

void blend(std::span<const float> a, float factor_a, std::span<const float> b, float factor_b,
           std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(blend_floats)(a, factor_a, b, factor_b, out);
}
void blend(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b, float factor_b,
           std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(blend_halves)(a, factor_a, b, factor_b, out);
}

void add_sparse_deltas(std::span<const float> base, std::span<const SparseDelta> deltas,
                       float divisor, float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_sparse_to_floats)(base, deltas, divisor, factor, out);
}
void add_sparse_deltas(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                       float divisor, float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_sparse_to_halves)(base, deltas, divisor, factor, out);
}

void add_agreeing_deltas(std::span<const float> base, std::span<const SparseDelta> deltas,
                         bool normalize, float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_agreeing_to_floats)(base, deltas, normalize, factor, out);
}
void add_agreeing_deltas(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                         bool normalize, float factor, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_agreeing_to_halves)(base, deltas, normalize, factor, out);
}

}  // namespace vlm
#endif
