#include "tensor/block_product.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "core/check.h"
#include "tensor/packed_layout.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/block_product.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Words = hn::RebindToUnsigned<Floats>;
using Integers = hn::RebindToSigned<Floats>;
using FloatVector = hn::VFromD<Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;
constexpr std::size_t kMaxRows = 6;

// A block in bfloat16: of each pair of columns, that pair of every row.
struct Bfloat16Block {
  using Element = std::uint16_t;
  static constexpr std::size_t kColumnsTogether = 2;
  static constexpr std::size_t kPrefetchElements = 0;  // the processor's own guess is enough

  // kLanes pairs of weights.
  static HWY_INLINE hn::VFromD<Words> load_pairs(const Element* pairs) {
#if HWY_TARGET == HWY_SCALAR
    std::uint32_t pair = 0;
    std::memcpy(&pair, pairs, sizeof(pair));
    return hn::Set(Words(), pair);
#else
    return hn::BitCast(Words(), hn::LoadU(hn::Repartition<std::uint16_t, Floats>(), pairs));
#endif
  }

  // A bfloat16 is the upper half of a float32: of a pair, the even one is shifted up, the odd one
  // is there already.
  template <std::size_t kColumn>
  static HWY_INLINE FloatVector load(const Element* pairs) {
    const auto words = load_pairs(pairs);
    return kColumn == 0 ? hn::BitCast(Floats(), hn::ShiftLeft<16>(words))
                        : hn::BitCast(Floats(), hn::And(words, hn::Set(Words(), 0xFFFF0000U)));
  }
};

// A block in int8: of each column, every row.
struct Int8Block {
  using Element = std::int8_t;
  static constexpr std::size_t kColumnsTogether = 1;
  static constexpr std::size_t kPrefetchElements = 4096;

  template <std::size_t kColumn>
  static HWY_INLINE FloatVector load(const Element* steps) {
    const hn::Rebind<std::int8_t, Floats> bytes;
    return hn::ConvertTo(Floats(), hn::PromoteTo(Integers(), hn::LoadU(bytes, steps)));
  }
};

template <typename Block>
struct Strip {
  const float* x;  // [rows, cols]
  std::size_t x_stride;
  std::size_t cols;
  const typename Block::Element* weights;  // the strip's first row in the first columns
  const float* scales;                     // of the strip's rows; null: none
  float* out;                              // [rows, kVectors * kLanes]
  std::size_t out_stride;
};

// sum += column of x * that column of the weights, column kColumn of those that lie together
template <typename Block, std::size_t kColumn, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void add_column(const float* x, std::size_t x_stride,
                           const typename Block::Element* weights, FloatVector (*sums)[kVectors]) {
  FloatVector columns[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    columns[v] = Block::template load<kColumn>(weights + v * kLanes * Block::kColumnsTogether);
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVector factor = hn::Set(Floats(), x[r * x_stride]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
}

template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void store_sums(FloatVector (*sums)[kVectors], const float* scales, float* out,
                           std::size_t out_stride) {
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      FloatVector sum = sums[r][v];
      if (scales != nullptr) sum = hn::Mul(sum, hn::LoadU(Floats(), scales + v * kLanes));
      hn::StoreU(sum, Floats(), out + r * out_stride + v * kLanes);
    }
  }
}

// kRows rows of x times kVectors * kLanes rows of a block; all sums stay in registers.
template <typename Block, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_strip(const Strip<Block>& strip) {
  constexpr std::size_t kTogether = Block::kColumnsTogether;
  FloatVector sums[kRows][kVectors];
  for (auto& row : sums) {
    for (FloatVector& sum : row) sum = hn::Zero(Floats());
  }
  const auto* weights = strip.weights;
  const float* x = strip.x;
  for (std::size_t c = 0; c + kTogether <= strip.cols; c += kTogether, x += kTogether) {
    if constexpr (Block::kPrefetchElements > 0) {
      hwy::Prefetch(weights + Block::kPrefetchElements);
    }
    add_column<Block, 0, kRows, kVectors>(x, strip.x_stride, weights, sums);
    if constexpr (kTogether == 2) {
      add_column<Block, 1, kRows, kVectors>(x + 1, strip.x_stride, weights, sums);
    }
    weights += PackedLayout::kBlockRows * kTogether;
  }
  if (strip.cols % kTogether == 1) {
    add_column<Block, 0, kRows, kVectors>(x, strip.x_stride, weights, sums);
  }
  store_sums<kRows, kVectors>(sums, strip.scales, strip.out, strip.out_stride);
}

// As many sums as fit into the registers and hide the latency of adding to them.
template <std::size_t kRows>
constexpr std::size_t vectors_per_strip() {
  constexpr std::size_t kBlockVectors = PackedLayout::kBlockRows / kLanes;
  constexpr std::size_t kWanted = kRows == 1 ? 8 : (kRows <= 3 || kLanes == 16) ? 4 : 2;
  return kWanted < kBlockVectors ? kWanted : kBlockVectors;
}

template <typename Block, std::size_t kRows>
void multiply_rows(Strip<Block> strip) {
  constexpr std::size_t kVectors = vectors_per_strip<kRows>();
  constexpr std::size_t kColumns = kVectors * kLanes;
  for (std::size_t column = 0; column < PackedLayout::kBlockRows; column += kColumns) {
    multiply_strip<Block, kRows, kVectors>(strip);
    strip.weights += kColumns * Block::kColumnsTogether;
    if (strip.scales != nullptr) strip.scales += kColumns;
    strip.out += kColumns;
  }
}

// rows in 1 ... kMaxRows
template <typename Block>
void multiply_some_rows(const Strip<Block>& strip, std::size_t rows) {
  using Function = void (*)(Strip<Block>);
  static constexpr std::array<Function, kMaxRows> kFunctions{
      multiply_rows<Block, 1>, multiply_rows<Block, 2>, multiply_rows<Block, 3>,
      multiply_rows<Block, 4>, multiply_rows<Block, 5>, multiply_rows<Block, 6>};
  kFunctions[rows - 1](strip);
}

template <typename Block>
void multiply_block(MatrixView<const float> x, const typename Block::Element* block,
                    const float* scales, MatrixView<float> out) {
  std::array<float, kMaxRows * PackedLayout::kBlockRows> narrow{};  // for a block with padding
  const bool is_whole = out.cols() == PackedLayout::kBlockRows;
  for (std::size_t first = 0; first < x.rows(); first += kMaxRows) {
    const std::size_t rows = std::min(kMaxRows, x.rows() - first);
    const MatrixView<float> target = out.rows(first, rows);
    Strip<Block> strip{x.row(first).data(), x.stride(),     x.cols(), block, scales,
                       target.data(),       target.stride()};
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

void multiply_bfloat16_block(MatrixView<const float> x, const std::uint16_t* block,
                             MatrixView<float> out) {
  multiply_block<Bfloat16Block>(x, block, nullptr, out);
}

void multiply_int8_block(MatrixView<const float> x, const std::int8_t* steps, const float* scales,
                         MatrixView<float> out) {
  multiply_block<Int8Block>(x, steps, scales, out);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(multiply_bfloat16_block);
HWY_EXPORT(multiply_int8_block);

void multiply_bfloat16_block(MatrixView<const float> x, std::span<const std::uint16_t> block,
                             MatrixView<float> out) noexcept {
  const PackedLayout layout{out.cols(), x.cols()};
  check(x.rows() == out.rows() && layout.num_blocks() == 1 && block.size() == layout.block_size(),
        "multiply_bfloat16_block: x [m, k], one block of k columns, out [m, n <= 64]");
  HWY_DYNAMIC_DISPATCH(multiply_bfloat16_block)(x, block.data(), out);
}

void multiply_int8_block(MatrixView<const float> x, std::span<const std::int8_t> steps,
                         std::span<const float> scales, MatrixView<float> out) noexcept {
  constexpr std::size_t kRows = PackedLayout::kBlockRows;
  check(x.rows() == out.rows() && out.cols() > 0 && out.cols() <= kRows &&
            steps.size() == x.cols() * kRows && scales.size() == kRows,
        "multiply_int8_block: x [m, k], steps [k, 64], scales [64], out [m, n <= 64]");
  HWY_DYNAMIC_DISPATCH(multiply_int8_block)(x, steps.data(), scales.data(), out);
}

}  // namespace vlm
#endif
