#include "merge/kernels/weighted_sums.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// Highway compiles what is between its two namespace macros once for each instruction set. Sums are
// made of vectors by hand: compilers leave some of these loops without, and make branches of the
// vote, although signs of deltas are as unpredictable as coins.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/weighted_sums.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::uint32_t kSignBit = 0x80000000U;
constexpr std::size_t kTogether = 4;  // vectors of sums in registers, inputs read side by side

template <typename Tag>
using Vector = hn::VFromD<Tag>;

template <typename Tag>
HWY_INLINE Vector<Tag> load(Tag tag, const float* values) {
  return hn::LoadU(tag, values);
}
template <typename Tag>
HWY_INLINE Vector<Tag> load(Tag tag, const Bfloat16* values) {
  const hn::RebindToUnsigned<Tag> words;
  const hn::Rebind<std::uint16_t, Tag> halves;
  const auto bits = hn::LoadU(halves, reinterpret_cast<const std::uint16_t*>(values));
  return hn::BitCast(tag, hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
}

// Calls some(tag, count, first) for runs that cover `size` elements: so many vectors of that kind,
// from an element on. The last ones have one lane.
template <typename Some>
HWY_INLINE void for_each_run(std::size_t size, const Some& some) {
  const hn::ScalableTag<float> tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t first = 0;
  for (; first + kTogether * lanes <= size; first += kTogether * lanes) {
    some(tag, std::integral_constant<std::size_t, kTogether>(), first);
  }
  for (; first + lanes <= size; first += lanes) {
    some(tag, std::integral_constant<std::size_t, 1>(), first);
  }
  for (; first < size; ++first) {
    some(hn::CappedTag<float, 1>(), std::integral_constant<std::size_t, 1>(), first);
  }
}

template <typename Value>
HWY_INLINE void sum_up(std::span<const Weighted<Value>> models, float divisor,
                       std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    const std::size_t lanes = hn::Lanes(tag);
    std::array<Vector<decltype(tag)>, count> sums;
    for (std::size_t j = 0; j < count; ++j) sums[j] = hn::Zero(tag);
    for (const Weighted<Value>& model : models) {
      const auto weight = hn::Set(tag, model.weight);
      const Value* const values = model.values.data() + first;
      for (std::size_t j = 0; j < count; ++j) {
        sums[j] = hn::Add(sums[j], hn::Mul(weight, load(tag, values + j * lanes)));
      }
    }
    for (std::size_t j = 0; j < count; ++j) {
      if (divisor != 1.0F) sums[j] = hn::Div(sums[j], hn::Set(tag, divisor));
      hn::StoreU(sums[j], tag, out.data() + first + j * lanes);
    }
  });
}

template <typename Value>
HWY_INLINE void add_vectors(std::span<const Value> base, std::span<const Weighted<Value>> models,
                            float factor, std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    const std::size_t lanes = hn::Lanes(tag);
    std::array<Vector<decltype(tag)>, count> from;
    std::array<Vector<decltype(tag)>, count> sums;
    for (std::size_t j = 0; j < count; ++j) {
      from[j] = load(tag, base.data() + first + j * lanes);
      sums[j] = hn::Zero(tag);
    }
    for (const Weighted<Value>& model : models) {
      const auto weight = hn::Set(tag, model.weight);
      const Value* const values = model.values.data() + first;
      for (std::size_t j = 0; j < count; ++j) {
        const auto delta = hn::Sub(load(tag, values + j * lanes), from[j]);
        sums[j] = hn::Add(sums[j], hn::Mul(weight, delta));
      }
    }
    for (std::size_t j = 0; j < count; ++j) {
      const auto step = hn::Mul(hn::Set(tag, factor), sums[j]);
      hn::StoreU(hn::Add(from[j], step), tag, out.data() + first + j * lanes);
    }
  });
}

template <typename Value>
HWY_INLINE void blend_two(std::span<const Value> a, float factor_a, std::span<const Value> b,
                          float factor_b, std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    for (std::size_t j = 0; j < count; ++j) {
      const std::size_t i = first + j * hn::Lanes(tag);
      const auto left = hn::Mul(hn::Set(tag, factor_a), load(tag, a.data() + i));
      const auto right = hn::Mul(hn::Set(tag, factor_b), load(tag, b.data() + i));
      hn::StoreU(hn::Add(left, right), tag, out.data() + i);
    }
  });
}

template <typename Tag>
HWY_INLINE Vector<Tag> product(Tag tag, const SparseDelta& delta, std::size_t i) {
  const auto values = hn::LoadU(tag, delta.values.data() + i);
  return hn::Mul(hn::Set(tag, delta.weight), hn::Mul(hn::Set(tag, delta.rescale), values));
}

template <typename Value>
HWY_INLINE void add_sparse(std::span<const Value> base, std::span<const SparseDelta> deltas,
                           float divisor, float factor, std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    const std::size_t lanes = hn::Lanes(tag);
    std::array<Vector<decltype(tag)>, count> sums;
    for (std::size_t j = 0; j < count; ++j) sums[j] = hn::Zero(tag);
    for (const SparseDelta& delta : deltas) {
      for (std::size_t j = 0; j < count; ++j) {
        sums[j] = hn::Add(sums[j], product(tag, delta, first + j * lanes));
      }
    }
    for (std::size_t j = 0; j < count; ++j) {
      const std::size_t i = first + j * lanes;
      const auto mean = hn::Div(sums[j], hn::Set(tag, divisor));
      const auto step = hn::Mul(hn::Set(tag, factor), mean);
      hn::StoreU(hn::Add(load(tag, base.data() + i), step), tag, out.data() + i);
    }
  });
}

// (sum of those that agree) or their mean, for a vector of elements from i on.
template <typename Tag>
HWY_INLINE Vector<Tag> agreeing_sum(Tag tag, std::span<const SparseDelta> deltas, bool normalize,
                                    std::size_t i) {
  const hn::RebindToUnsigned<Tag> words;
  const auto sign = hn::Set(words, kSignBit);
  auto total = hn::Zero(tag);
  for (const SparseDelta& delta : deltas) total = hn::Add(total, product(tag, delta, i));
  const auto total_bits = hn::BitCast(words, total);
  const auto majority = hn::IfThenElseZero(hn::Lt(sign, total_bits), sign);  // -0 is positive
  auto sum = hn::Zero(tag);
  auto divisor = hn::Zero(tag);
  for (const SparseDelta& delta : deltas) {
    const auto p = product(tag, delta, i);
    const auto bits = hn::BitCast(words, p);
    const auto disagrees = hn::And(hn::Xor(bits, majority), sign);
    const auto magnitude = hn::AndNot(sign, bits);
    const auto agrees =
        hn::AndNot(hn::Eq(magnitude, hn::Zero(words)), hn::Eq(disagrees, hn::Zero(words)));
    const auto mask = hn::RebindMask(tag, agrees);
    sum = hn::Add(sum, hn::IfThenElseZero(mask, p));
    divisor = hn::Add(divisor, hn::IfThenElseZero(mask, hn::Set(tag, delta.weight)));
  }
  if (!normalize) return sum;
  const auto is_none = hn::Eq(divisor, hn::Zero(tag));
  return hn::Div(sum, hn::IfThenElse(is_none, hn::Set(tag, 1.0F), divisor));
}

template <typename Value>
HWY_INLINE void add_agreeing(std::span<const Value> base, std::span<const SparseDelta> deltas,
                             bool normalize, float factor, std::span<float> out) {
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    for (std::size_t j = 0; j < count; ++j) {
      const std::size_t i = first + j * hn::Lanes(tag);
      const auto step = hn::Mul(hn::Set(tag, factor), agreeing_sum(tag, deltas, normalize, i));
      hn::StoreU(hn::Add(load(tag, base.data() + i), step), tag, out.data() + i);
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
