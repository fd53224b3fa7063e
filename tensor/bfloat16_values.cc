#include "tensor/bfloat16_values.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/check.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/bfloat16_values.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "tensor/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;
using Halves = hn::Rebind<std::uint16_t, Words>;
constexpr unsigned kShift = 16;
// Values that are fetched while others are converted: a page of memory, at whose end processors
// stop fetching by themselves.
constexpr std::size_t kAhead = 2048;

void read_bfloat16(const std::byte* stored, float* out, std::size_t count) {
  const Words words;
  const auto* const halves = reinterpret_cast<const std::uint16_t*>(stored);
  const std::size_t lanes = hn::Lanes(words);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hwy::Prefetch(halves + i + kAhead);
    const auto bits = hn::PromoteTo(words, hn::LoadU(Halves(), halves + i));
    hn::StoreU(hn::BitCast(hn::RebindToFloat<Words>(), hn::ShiftLeft<kShift>(bits)),
               hn::RebindToFloat<Words>(), out + i);
  }
  for (; i < count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, stored + i * sizeof(bits), sizeof(bits));
    out[i] = bf16_to_float(bits);
  }
}

void store_bfloat16(const float* values, std::byte* out, std::size_t count) {
  const Words words;
  const hn::RebindToSigned<Words> integers;
  auto* const halves = reinterpret_cast<std::uint16_t*>(out);
  const std::size_t lanes = hn::Lanes(words);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::BitCast(words, hn::LoadU(hn::RebindToFloat<Words>(), values + i));
    const auto odd = hn::And(hn::ShiftRight<kShift>(bits), hn::Set(words, 1U));
    const auto rounded = hn::Add(hn::Add(bits, hn::Set(words, 0x7FFFU)), odd);
    const auto magnitude =
        hn::BitCast(integers, hn::And(bits, hn::Set(words, 0x7FFFFFFFU)));  // compares as it orders
    const auto is_nan = hn::Gt(magnitude, hn::Set(integers, 0x7F800000));
    const auto quiet = hn::Or(bits, hn::Set(words, 0x400000U));
    const auto result = hn::IfThenElse(hn::RebindMask(words, is_nan), quiet, rounded);
    const auto upper = hn::BitCast(integers, hn::ShiftRight<kShift>(result));
    hn::StoreU(hn::DemoteTo(Halves(), upper), Halves(), halves + i);
  }
  for (; i < count; ++i) {
    const std::uint16_t bits = float_to_bf16(values[i]);
    std::memcpy(out + i * sizeof(bits), &bits, sizeof(bits));
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(read_bfloat16);
HWY_EXPORT(store_bfloat16);

void read_bfloat16(std::span<const std::byte> stored, std::span<float> out) noexcept {
  check(stored.size() == out.size() * sizeof(std::uint16_t), "read_bfloat16: two bytes a value");
  HWY_DYNAMIC_DISPATCH(read_bfloat16)(stored.data(), out.data(), out.size());
}

void store_bfloat16(std::span<const float> values, std::span<std::byte> out) noexcept {
  check(out.size() == values.size() * sizeof(std::uint16_t), "store_bfloat16: two bytes a value");
  HWY_DYNAMIC_DISPATCH(store_bfloat16)(values.data(), out.data(), values.size());
}

}  // namespace vlm
#endif
