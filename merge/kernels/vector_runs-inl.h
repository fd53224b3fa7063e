// Going through values in runs of vectors. Included once for each instruction set, from the files
// that Highway compiles so.

#if defined(VLM_MERGE_KERNELS_VECTOR_RUNS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VLM_MERGE_KERNELS_VECTOR_RUNS_INL_H
#undef VLM_MERGE_KERNELS_VECTOR_RUNS_INL_H
#else
#define VLM_MERGE_KERNELS_VECTOR_RUNS_INL_H
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "tensor/bfloat16.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

// Vectors of one run.
template <typename Tag, std::size_t kCount>
using Run = std::array<Vector<Tag>, kCount>;

// How far ahead of what is read memory is asked for: processors by themselves stop doing so at the
// end of a page, and begin late in the next.
constexpr std::size_t kAheadBytes = 1024;
constexpr std::size_t kLineBytes = 64;

template <std::size_t kCount, typename Tag, typename Value>
HWY_INLINE Run<Tag, kCount> load_run(Tag tag, const Value* values) {
  const auto* const bytes = reinterpret_cast<const char*>(values);
  for (std::size_t byte = 0; byte < kCount * hn::Lanes(tag) * sizeof(Value); byte += kLineBytes) {
    hwy::Prefetch(bytes + kAheadBytes + byte);  // of no effect where nothing is
  }
  Run<Tag, kCount> run;
  for (std::size_t j = 0; j < kCount; ++j) run[j] = load(tag, values + j * hn::Lanes(tag));
  return run;
}

template <typename Tag>
using BitsTag = hn::RebindToSigned<Tag>;
template <typename Tag>
using Bits = hn::VFromD<BitsTag<Tag>>;

// Bits below 2^31, so that signed comparisons do, which all instruction sets have.
template <typename Tag>
HWY_INLINE Bits<Tag> magnitude_of(Tag /*tag*/, Vector<Tag> value) {
  const BitsTag<Tag> bits;
  return hn::And(hn::BitCast(bits, value), hn::Set(bits, 0x7FFFFFFF));
}

// Whether all values are smaller than 2, so that none is infinite or NaN: by the highest bit of
// their exponents, of which `seen` has those of all.
template <typename Tag>
HWY_INLINE bool are_small(Tag /*tag*/, Bits<Tag> seen) {
  const BitsTag<Tag> bits;
  constexpr std::int32_t kHighestBitOfExponent = 0x40000000;
  return hn::AllFalse(bits, hn::TestBit(seen, hn::Set(bits, kHighestBitOfExponent)));
}

#if HWY_TARGET == HWY_AVX2

// [bits of a mask of 8 lanes][lanes]: the lanes that are set, in order, then any.
constexpr std::array<std::array<std::uint8_t, 8>, 256> kSetLanes = [] {
  std::array<std::array<std::uint8_t, 8>, 256> table{};
  for (std::uint32_t bits = 0; bits < table.size(); ++bits) {
    std::size_t size = 0;
    for (std::uint8_t lane = 0; lane < 8; ++lane) {
      if ((bits >> lane & 1U) != 0) table[bits][size++] = lane;
    }
  }
  return table;
}();

#endif

// Those of 32-bit lanes whose mask is set first, in order, then any. As hn::Compress(), which with
// AVX2 copies a table of 1 KB to the stack each time (Highway 1.0.3, GCC 12).
template <typename Tag, typename Mask>
HWY_INLINE Vector<Tag> compress([[maybe_unused]] Tag tag, Vector<Tag> values, Mask mask) {
#if HWY_TARGET == HWY_AVX2
  if constexpr (hn::MaxLanes(Tag()) == 8) {
    const hn::RebindToUnsigned<Tag> words;
    std::array<std::uint8_t, 8> bits{};
    hn::StoreMaskBits(tag, mask, bits.data());
    const hn::Rebind<std::uint8_t, Tag> bytes;
    const auto lanes = hn::PromoteTo(words, hn::LoadU(bytes, kSetLanes[bits[0]].data()));
    return hn::TableLookupLanes(values, hn::IndicesFromVec(tag, lanes));
  }
#endif
  return hn::Compress(values, mask);
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

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
