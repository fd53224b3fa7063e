#include "tensor/bfloat16_kernels.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "core/check.h"
#include "tensor/packed_layout.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/bfloat16_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Words = hn::RebindToUnsigned<Floats>;
using FloatVector = hn::VFromD<Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;
constexpr std::size_t kMaxRows = 6;

// Bits of the bfloat16 nearest to each lane, ties to even; NaN stays NaN.
HWY_INLINE hn::VFromD<Words> rounded_bits(hn::VFromD<Words> bits) {
  const Words words;
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1U));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFFU))));
  const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(words, 0x40U));
  const auto magnitude = hn::And(bits, hn::Set(words, 0x7FFFFFFFU));
  const hn::RebindToSigned<Words> integers;
  const auto is_nan = hn::Gt(hn::BitCast(integers, magnitude), hn::Set(integers, 0x7F800000));
  return hn::IfThenElse(hn::RebindMask(words, is_nan), quiet, rounded);
}

void round_to_bfloat16(const float* HWY_RESTRICT values, std::uint16_t* HWY_RESTRICT out,
                       std::size_t count) {
  const Floats floats;
  const Words words;
  const hn::RebindToSigned<Words> integers;
  const hn::Rebind<std::uint16_t, Floats> narrow;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto bits = rounded_bits(hn::BitCast(words, hn::LoadU(floats, values + i)));
    hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(integers, bits)), narrow, out + i);
  }
  for (; i < count; ++i) {
    const auto bits = rounded_bits(hn::BitCast(words, hn::Set(floats, values[i])));
    out[i] = static_cast<std::uint16_t>(hn::GetLane(bits));
  }
}

// kLanes pairs of weights.
HWY_INLINE hn::VFromD<Words> load_pairs(const std::uint16_t* pairs) {
#if HWY_TARGET == HWY_SCALAR
  std::uint32_t pair = 0;
  std::memcpy(&pair, pairs, sizeof(pair));
  return hn::Set(Words(), pair);
#else
  return hn::BitCast(Words(), hn::LoadU(hn::Repartition<std::uint16_t, Floats>(), pairs));
#endif
}

// A bfloat16 is the upper half of a float32: of a pair, the even one is shifted up, the odd one is
// there already.
HWY_INLINE FloatVector even_weights(const std::uint16_t* pairs) {
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(load_pairs(pairs)));
}
HWY_INLINE FloatVector odd_weights(const std::uint16_t* pairs) {
  return hn::BitCast(Floats(), hn::And(load_pairs(pairs), hn::Set(Words(), 0xFFFF0000U)));
}

struct Strip {
  const float* x;                // [rows, cols]
  std::size_t x_stride;          //
  std::size_t cols;              //
  const std::uint16_t* weights;  // the strip's first column of the first pair
  float* out;                    // [rows, kVectors * kLanes]
  std::size_t out_stride;
};

// sum += column of x * one of each pair of weights
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void add_column(const float* x, std::size_t x_stride, const FloatVector* weights,
                           FloatVector (*sums)[kVectors]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVector factor = hn::Set(Floats(), x[r * x_stride]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::MulAdd(factor, weights[v], sums[r][v]);
    }
  }
}

// kRows rows of x times kVectors * kLanes columns of a block; all sums stay in registers.
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_strip(const Strip& strip) {
  FloatVector sums[kRows][kVectors];
  FloatVector weights[kVectors];
  for (auto& row : sums) {
    for (FloatVector& sum : row) sum = hn::Zero(Floats());
  }
  const std::uint16_t* pairs = strip.weights;
  const float* x = strip.x;
  for (std::size_t c = 0; c + 1 < strip.cols; c += 2, x += 2) {
    for (std::size_t v = 0; v < kVectors; ++v) weights[v] = even_weights(pairs + v * kLanes * 2);
    add_column<kRows, kVectors>(x, strip.x_stride, weights, sums);
    for (std::size_t v = 0; v < kVectors; ++v) weights[v] = odd_weights(pairs + v * kLanes * 2);
    add_column<kRows, kVectors>(x + 1, strip.x_stride, weights, sums);
    pairs += PackedLayout::kBlockRows * 2;
  }
  if (strip.cols % 2 == 1) {
    for (std::size_t v = 0; v < kVectors; ++v) weights[v] = even_weights(pairs + v * kLanes * 2);
    add_column<kRows, kVectors>(x, strip.x_stride, weights, sums);
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], Floats(), strip.out + r * strip.out_stride + v * kLanes);
    }
  }
}

// As many sums as fit into the registers and hide the latency of adding to them.
template <std::size_t kRows>
constexpr std::size_t vectors_per_strip() {
  constexpr std::size_t kBlockVectors = PackedLayout::kBlockRows / kLanes;
  constexpr std::size_t kWanted = kRows == 1 ? 8 : (kRows <= 3 || kLanes == 16) ? 4 : 2;
  return kWanted < kBlockVectors ? kWanted : kBlockVectors;
}

template <std::size_t kRows>
void multiply_rows(Strip strip) {
  constexpr std::size_t kVectors = vectors_per_strip<kRows>();
  constexpr std::size_t kColumns = kVectors * kLanes;
  for (std::size_t column = 0; column < PackedLayout::kBlockRows; column += kColumns) {
    multiply_strip<kRows, kVectors>(strip);
    strip.weights += kColumns * 2;
    strip.out += kColumns;
  }
}

// rows in 1 ... kMaxRows
void multiply_some_rows(const Strip& strip, std::size_t rows) {
  using Function = void (*)(Strip);
  static constexpr std::array<Function, kMaxRows> kFunctions{multiply_rows<1>, multiply_rows<2>,
                                                             multiply_rows<3>, multiply_rows<4>,
                                                             multiply_rows<5>, multiply_rows<6>};
  kFunctions[rows - 1](strip);
}

void multiply_packed_block(MatrixView<const float> x, const std::uint16_t* block,
                           MatrixView<float> out) {
  std::array<float, kMaxRows * PackedLayout::kBlockRows> narrow{};  // for a block with padding
  const bool is_whole = out.cols() == PackedLayout::kBlockRows;
  for (std::size_t first = 0; first < x.rows(); first += kMaxRows) {
    const std::size_t rows = std::min(kMaxRows, x.rows() - first);
    const MatrixView<float> target = out.rows(first, rows);
    Strip strip{x.row(first).data(), x.stride(), x.cols(), block, target.data(), target.stride()};
    if (!is_whole) {
      strip.out = narrow.data();
      strip.out_stride = PackedLayout::kBlockRows;
    }
    multiply_some_rows(strip, rows);
    for (std::size_t r = 0; r < rows && !is_whole; ++r) {
      std::copy_n(narrow.begin() + static_cast<std::ptrdiff_t>(r * PackedLayout::kBlockRows),
                  out.cols(), target.row(r).begin());
    }
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(round_to_bfloat16);
HWY_EXPORT(multiply_packed_block);

void round_to_bfloat16(std::span<const float> values, std::span<std::uint16_t> out) noexcept {
  check(values.size() == out.size(), "round_to_bfloat16: equal sizes");
  HWY_DYNAMIC_DISPATCH(round_to_bfloat16)(values.data(), out.data(), values.size());
}

void multiply_packed_block(MatrixView<const float> x, std::span<const std::uint16_t> block,
                           MatrixView<float> out) noexcept {
  const PackedLayout layout{out.cols(), x.cols()};
  check(x.rows() == out.rows() && layout.num_blocks() == 1 && block.size() == layout.block_size(),
        "multiply_packed_block: x [m, k], one block of k columns, out [m, n <= 64]");
  HWY_DYNAMIC_DISPATCH(multiply_packed_block)(x, block.data(), out);
}

}  // namespace vlm
#endif
