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

// A block holds, of each pair of columns, that pair of every row; this loads kLanes pairs.
HWY_INLINE hn::VFromD<Words> load_pairs(const std::uint16_t* pairs) {
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
HWY_INLINE FloatVector load_column(const std::uint16_t* pairs) {
  const auto words = load_pairs(pairs);
  return kColumn == 0 ? hn::BitCast(Floats(), hn::ShiftLeft<16>(words))
                      : hn::BitCast(Floats(), hn::And(words, hn::Set(Words(), 0xFFFF0000U)));
}

struct Strip {
  const float* x;  // [rows, cols]
  std::size_t x_stride;
  std::size_t cols;
  const std::uint16_t* pairs;  // the strip's first row in the first columns
  float* out;                  // [rows, kVectors * kLanes]
  std::size_t out_stride;
};

// sum += column of x * that column of the weights, column kColumn of a pair
template <std::size_t kColumn, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void add_column(const float* x, std::size_t x_stride, const std::uint16_t* pairs,
                           FloatVector (*sums)[kVectors]) {
  FloatVector columns[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    columns[v] = load_column<kColumn>(pairs + v * kLanes * 2);
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVector factor = hn::Set(Floats(), x[r * x_stride]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
}

// kRows rows of x times kVectors * kLanes rows of a block; all sums stay in registers.
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_strip(const Strip& strip) {
  FloatVector sums[kRows][kVectors];
  for (auto& row : sums) {
    for (FloatVector& sum : row) sum = hn::Zero(Floats());
  }
  const std::uint16_t* pairs = strip.pairs;
  const float* x = strip.x;
  for (std::size_t c = 0; c + 2 <= strip.cols; c += 2, x += 2) {
    add_column<0, kRows, kVectors>(x, strip.x_stride, pairs, sums);
    add_column<1, kRows, kVectors>(x + 1, strip.x_stride, pairs, sums);
    pairs += PackedLayout::kBlockRows * 2;
  }
  if (strip.cols % 2 == 1) add_column<0, kRows, kVectors>(x, strip.x_stride, pairs, sums);
  for (std::size_t r = 0; r < kRows; ++r) {
    float* out = strip.out + r * strip.out_stride;
    for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], Floats(), out + v * kLanes);
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
    strip.pairs += kColumns * 2;
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

void multiply_bfloat16_block(MatrixView<const float> x, const std::uint16_t* block,
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

HWY_EXPORT(multiply_bfloat16_block);

void multiply_bfloat16_block(MatrixView<const float> x, std::span<const std::uint16_t> block,
                             MatrixView<float> out) noexcept {
  const PackedLayout layout{out.cols(), x.cols()};
  check(x.rows() == out.rows() && layout.num_blocks() == 1 && block.size() == layout.block_size(),
        "multiply_bfloat16_block: x [m, k], one block of k columns, out [m, n <= 64]");
  HWY_DYNAMIC_DISPATCH(multiply_bfloat16_block)(x, block.data(), out);
}

}  // namespace vlm
#endif
