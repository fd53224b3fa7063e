#include "tensor/weight_rounding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/check.h"
#include "tensor/int8_layout.h"
#include "tensor/packed_layout.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/weight_rounding.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Words = hn::RebindToUnsigned<Floats>;
using Integers = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::int8_t, Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;

// Bits without the sign order as the magnitudes they stand for, with NaN above infinity.
std::uint32_t largest_magnitude_bits(const float* values, std::size_t count) {
  const Integers integers;
  const auto mask = hn::Set(integers, 0x7FFFFFFF);
  auto largest = hn::Zero(integers);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto bits = hn::BitCast(integers, hn::LoadU(Floats(), values + i));
    largest = hn::Max(largest, hn::And(bits, mask));
  }
  auto result = static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(integers, largest)));
  for (; i < count; ++i) {
    result = std::max(result, std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU);
  }
  return result;
}

HWY_INLINE hn::VFromD<Bytes> rounded_steps(hn::VFromD<Floats> values, hn::VFromD<Floats> factor) {
  return hn::DemoteTo(Bytes(), hn::NearestInt(hn::Mul(values, factor)));
}

void round_to_int8(const float* HWY_RESTRICT values, float inverse, std::int8_t* HWY_RESTRICT out,
                   std::size_t count) {
  const auto factor = hn::Set(Floats(), inverse);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(rounded_steps(hn::LoadU(Floats(), values + i), factor), Bytes(), out + i);
  }
  for (; i < count; ++i) {
    out[i] = hn::GetLane(rounded_steps(hn::Set(Floats(), values[i]), factor));
  }
}

// The float32 bits of step number kStep in each word; the lower half is zero.
template <int kStep>
HWY_INLINE hn::VFromD<Words> widened_bits(hn::VFromD<Words> four_steps) {
  const auto shifted = hn::And(hn::ShiftRight<8 * kStep>(four_steps), hn::Set(Words(), 0xFFU));
  const auto step =
      hn::Sub(hn::BitCast(Integers(), shifted), hn::Set(Integers(), Int8Layout::kOffset));
  return hn::BitCast(Words(), hn::ConvertTo(Floats(), step));
}

HWY_INLINE hn::VFromD<Words> load_words(const void* bytes) {
  HWY_ALIGN std::uint32_t words[kLanes];
  std::memcpy(words, bytes, sizeof(words));
  return hn::Load(Words(), words);
}

template <int kFirstStep>
HWY_INLINE void store_pairs(hn::VFromD<Words> four_steps, std::uint16_t* pairs) {
  const auto even = hn::ShiftRight<16>(widened_bits<kFirstStep>(four_steps));
  HWY_ALIGN std::uint32_t words[kLanes];
  hn::Store(hn::Or(even, widened_bits<kFirstStep + 1>(four_steps)), Words(), words);
  std::memcpy(pairs, words, sizeof(words));
}

// A group of four columns becomes two pairs of columns.
void widen_int8_groups(const std::uint8_t* groups, std::size_t num_groups, std::uint16_t* packed) {
  constexpr std::size_t kRows = PackedLayout::kBlockRows;
  for (std::size_t group = 0; group < num_groups; ++group) {
    for (std::size_t row = 0; row < kRows; row += kLanes) {
      const auto four_steps = load_words(groups + row * Int8Layout::kColumnsTogether);
      store_pairs<0>(four_steps, packed + row * 2);
      store_pairs<2>(four_steps, packed + (kRows + row) * 2);
    }
    groups += kRows * Int8Layout::kColumnsTogether;
    packed += kRows * Int8Layout::kColumnsTogether;
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(largest_magnitude_bits);
HWY_EXPORT(round_to_int8);
HWY_EXPORT(widen_int8_groups);

float largest_magnitude(std::span<const float> values) noexcept {
  return std::bit_cast<float>(
      HWY_DYNAMIC_DISPATCH(largest_magnitude_bits)(values.data(), values.size()));
}

float step_size(std::span<const float> values, int most_steps) noexcept {
  const float largest = largest_magnitude(values);
  if (!std::isfinite(largest)) return std::numeric_limits<float>::quiet_NaN();
  const float step = largest / static_cast<float>(most_steps);
  return step < std::numeric_limits<float>::min() ? 0.0F : step;
}

void round_to_int8(std::span<const float> values, float scale,
                   std::span<std::int8_t> out) noexcept {
  check(values.size() == out.size(), "round_to_int8: equal sizes");
  if (!(scale > 0.0F)) {
    std::ranges::fill(out, std::int8_t{0});
    return;
  }
  HWY_DYNAMIC_DISPATCH(round_to_int8)(values.data(), 1.0F / scale, out.data(), values.size());
}

void widen_int8_block(std::span<const std::uint8_t> block,
                      std::span<std::uint16_t> packed) noexcept {
  constexpr std::size_t kGroupSize = Int8Layout::block_size(1);
  check(block.size() % kGroupSize == 0 && packed.size() >= block.size(),
        "widen_int8_block: whole groups of columns, and room for them");
  HWY_DYNAMIC_DISPATCH(widen_int8_groups)(block.data(), block.size() / kGroupSize, packed.data());
  std::ranges::fill(packed.subspan(block.size()), std::uint16_t{0});
}

}  // namespace vlm
#endif
