#include "tensor/float32_kernels.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "core/divide_up.h"
#include "tensor/matrix.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/float32_kernels.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kFour = 4;  // floats of a 128-bit block: neighbours in a row

#if HWY_TARGET == HWY_SCALAR  // has no blocks

void multiply_packed_rows(const float* packed, std::size_t packed_rows,
                          MatrixView<const float> weight, MatrixView<float> out) {
  for (std::size_t row = 0; row < out.rows(); ++row) {
    for (std::size_t n = 0; n < weight.rows(); ++n) {
      std::array<float, kFour> sums{};
      for (std::size_t c = 0; c < weight.cols(); ++c) {
        const float x = packed[(c / kFour * packed_rows + row) * kFour + c % kFour];
        sums[c % kFour] += x * weight.row(n)[c];
      }
      out.row(row)[n] = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    }
  }
}

#else

using Floats = hn::CappedTag<float, 16>;
using FloatVector = hn::VFromD<Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;
constexpr std::size_t kBlocks = kLanes / kFour;  // of a vector
// Sums that fit into the registers, enough to hide the latency of adding to them.
constexpr std::size_t kMostVectors = kLanes == 16 ? 4 : 3;
// Columns of x and of a strip of weights that stay in the nearest caches while they are multiplied.
constexpr std::size_t kColumnBlock = 256;
// Weight rows of a product with one row of x.
constexpr std::size_t kRowWeights = 8;
constexpr std::size_t kLine = 16;  // floats of a cache line
using Four = hn::FixedTag<float, kFour>;
using FourVector = hn::VFromD<Four>;

// Rows of x, packed, and rows of weights that are multiplied together.
struct Strip {
  const float* x = nullptr;  // the first row's first four columns
  std::size_t x_step = 0;    // to its next four
  const float* weights = nullptr;
  std::size_t weight_stride = 0;
  std::size_t cols = 0;
  bool is_first = true;         // begins the sums
  std::size_t fetch_ahead = 0;  // floats from a weight to the one that is asked for meanwhile
};

// In every block: the sum of the first vector's block, the second's, the third's, the fourth's.
template <class D>
HWY_INLINE hn::VFromD<D> sums_of_blocks(D floats, const hn::VFromD<D>* vectors) {
  const hn::RepartitionToWide<hn::RebindToUnsigned<D>> pairs;
  const auto add_halves = [&](hn::VFromD<D> a, hn::VFromD<D> b) {
    const auto sum = hn::Add(hn::InterleaveLower(floats, a, b), hn::InterleaveUpper(floats, a, b));
    return hn::BitCast(pairs, sum);
  };
  const auto ab = add_halves(vectors[0], vectors[1]);
  const auto cd = add_halves(vectors[2], vectors[3]);
  return hn::Add(hn::BitCast(floats, hn::InterleaveLower(pairs, ab, cd)),
                 hn::BitCast(floats, hn::InterleaveUpper(pairs, ab, cd)));
}

// Calls add(column, weights, stride) for every four columns; the last weights are copied and filled
// up with zeros if they are no four.
template <std::size_t kWeights, typename Add>
HWY_INLINE void for_each_four(const Strip& strip, const Add& add) {
  std::size_t column = 0;
  for (; column + kFour <= strip.cols; column += kFour) {
    add(column, strip.weights + column, strip.weight_stride);
  }
  if (column == strip.cols) return;
  std::array<float, kWeights * kFour> last{};
  for (std::size_t w = 0; w < kWeights; ++w) {
    std::copy_n(strip.weights + w * strip.weight_stride + column, strip.cols - column,
                &last[w * kFour]);
  }
  add(column, last.data(), kFour);
}

// sums [kVectors, kWeights, kLanes] += x * weights; each block of a vector is a row of x.
template <std::size_t kVectors, std::size_t kWeights>
HWY_INLINE void add_strip(const Strip& strip, float* HWY_RESTRICT sums_of_strip) {
  const Floats floats;
  FloatVector sums[kVectors][kWeights];
  for (std::size_t i = 0; i < kVectors * kWeights; ++i) {
    sums[i / kWeights][i % kWeights] =
        strip.is_first ? hn::Zero(floats) : hn::Load(floats, sums_of_strip + i * kLanes);
  }
  const float* x = strip.x;
  for_each_four<kWeights>(strip, [&](std::size_t column, const float* weights, std::size_t stride) {
    FloatVector values[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) values[v] = hn::LoadU(floats, x + v * kLanes);
    for (std::size_t w = 0; w < kWeights; ++w) {
      hwy::Prefetch(strip.weights + w * strip.weight_stride + column + strip.fetch_ahead);
      const FloatVector four = hn::LoadDup128(floats, weights + w * stride);
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[v][w] = hn::MulAdd(values[v], four, sums[v][w]);
      }
    }
    x += strip.x_step;
  });
  for (std::size_t i = 0; i < kVectors * kWeights; ++i) {
    hn::Store(sums[i / kWeights][i % kWeights], floats, sums_of_strip + i * kLanes);
  }
}

// The same for 1 ... kMostVectors vectors.
template <std::size_t kWeights>
HWY_INLINE void add_vectors(const Strip& strip, std::size_t vectors, float* HWY_RESTRICT sums) {
  switch (vectors) {
    case 1:
      return add_strip<1, kWeights>(strip, sums);
    case 2:
      return add_strip<2, kWeights>(strip, sums);
    case 3:
      return add_strip<3, kWeights>(strip, sums);
    default:
      return add_strip<kMostVectors, kWeights>(strip, sums);
  }
}

// Writes columns first ... first + kWeights - 1 of out from sums [vectors, kWeights, kLanes].
template <std::size_t kWeights>
HWY_INLINE void write_sums(const float* sums, MatrixView<float> out, std::size_t first) {
  const Floats floats;
  HWY_ALIGN std::array<float, kLanes> rows{};
  for (std::size_t row = 0; row < out.rows(); row += kBlocks, sums += kWeights * kLanes) {
    for (std::size_t w = 0; w < kWeights; w += kFour) {
      FloatVector four[kFour];
      for (std::size_t i = 0; i < kFour; ++i) four[i] = hn::Load(floats, sums + (w + i) * kLanes);
      hn::Store(sums_of_blocks(floats, four), floats, rows.data());
      for (std::size_t r = row; r < std::min(row + kBlocks, out.rows()); ++r) {
        std::copy_n(&rows[(r - row) * kFour], kFour, out.row(r).data() + first + w);
      }
    }
  }
}

// kWeights rows of weights at a time, all rows of x.
template <std::size_t kWeights>
void multiply_strips(const float* packed, std::size_t packed_rows, MatrixView<const float> weight,
                     MatrixView<float> out) {
  const std::size_t vectors = divide_up(out.rows(), kBlocks);
  const std::size_t passes = divide_up(vectors, kMostVectors);
  const std::size_t together = divide_up(vectors, passes);
  HWY_ALIGN std::array<float, kPackedRows * kFour * kWeights> sums{};
  Strip strip{nullptr, packed_rows * kFour, nullptr, weight.stride()};
  strip.fetch_ahead = weight.cols() <= kColumnBlock ? kWeights * weight.stride() : kColumnBlock;
  for (std::size_t column = 0; column < weight.rows(); column += kWeights) {
    const std::size_t first = std::min(column, weight.rows() - kWeights);
    for (std::size_t begin = 0; begin < weight.cols(); begin += kColumnBlock) {
      strip.weights = weight.row(first).data() + begin;
      strip.is_first = begin == 0;
      strip.cols = std::min(kColumnBlock, weight.cols() - begin);
      for (std::size_t v = 0; v < vectors; v += together) {
        strip.x = packed + begin * packed_rows + v * kLanes;
        add_vectors<kWeights>(strip, std::min(together, vectors - v), &sums[v * kWeights * kLanes]);
      }
    }
    write_sums<kWeights>(sums.data(), out, first);
  }
}

// out [kRowWeights] for one row of x, whose four columns follow one another.
HWY_INLINE void multiply_row_strip(const Strip& strip, float* HWY_RESTRICT out) {
  const Four four;
  std::array<FourVector, kRowWeights> sums;
  for (FourVector& sum : sums) sum = hn::Zero(four);
  std::size_t column = 0;
  for (; column + kLine <= strip.cols; column += kLine) {
    FourVector x[kLine / kFour];
    for (std::size_t i = 0; i < kLine / kFour; ++i) {
      x[i] = hn::LoadU(four, strip.x + column + i * kFour);
    }
    for (std::size_t w = 0; w < kRowWeights; ++w) {
      const float* weights = strip.weights + w * strip.weight_stride + column;
      for (std::size_t i = 0; i < kLine / kFour; ++i) {
        sums[w] = hn::MulAdd(hn::LoadU(four, weights + i * kFour), x[i], sums[w]);
      }
    }
  }
  for (; column < strip.cols; column += kFour) {
    const std::size_t count = std::min(kFour, strip.cols - column);
    const FourVector x = hn::LoadU(four, strip.x + column);
    for (std::size_t w = 0; w < kRowWeights; ++w) {
      std::array<float, kFour> last{};
      std::copy_n(strip.weights + w * strip.weight_stride + column, count, last.begin());
      sums[w] = hn::MulAdd(hn::LoadU(four, last.data()), x, sums[w]);
    }
  }
  for (std::size_t w = 0; w < kRowWeights; w += kFour) {
    hn::StoreU(sums_of_blocks(four, &sums[w]), four, out + w);
  }
}

void multiply_row(const float* x, MatrixView<const float> weight, std::span<float> out) {
  Strip strip{x, 0, nullptr, weight.stride(), weight.cols()};
  for (std::size_t column = 0; column < weight.rows(); column += kRowWeights) {
    const std::size_t first = std::min(column, weight.rows() - kRowWeights);
    strip.weights = weight.row(first).data();
    multiply_row_strip(strip, &out[first]);
  }
}

void multiply_packed_rows(const float* packed, std::size_t packed_rows,
                          MatrixView<const float> weight, MatrixView<float> out) {
  if (packed_rows == 1) return multiply_row(packed, weight, out.row(0));
  if (kLanes == 16 && packed_rows <= 2 * kBlocks) {  // two vectors would be too few sums
    return multiply_strips<2 * kFour>(packed, packed_rows, weight, out);
  }
  multiply_strips<kFour>(packed, packed_rows, weight, out);
}

#endif

// out [kRows, kVectors * lanes of d] += x [kRows, k] * y [k, ...]
template <std::size_t kRows, std::size_t kVectors, class D>
HWY_INLINE void add_products(D d, MatrixView<const float> x, const float* y, std::size_t y_stride,
                             MatrixView<float> out, std::size_t column) {
  constexpr std::size_t kWidth = hn::MaxLanes(D());
  hn::VFromD<D> sums[kRows][kVectors];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = hn::LoadU(d, out.row(r).data() + column + v * kWidth);
    }
  }
  for (std::size_t i = 0; i < x.cols(); ++i) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const auto values = hn::LoadU(d, y + i * y_stride + column + v * kWidth);
      for (std::size_t r = 0; r < kRows; ++r) {
        sums[r][v] = hn::MulAdd(hn::Set(d, x.data()[r * x.stride() + i]), values, sums[r][v]);
      }
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, out.row(r).data() + column + v * kWidth);
    }
  }
}

template <std::size_t kRows>
void add_rows(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out) {
  const hn::CappedTag<float, 16> wide;
  const hn::CappedTag<float, 1> single;
  constexpr std::size_t kWide = hn::MaxLanes(wide);
  constexpr std::size_t kVectors = kWide == 16 ? 4 : 2;  // sums that fit into the registers
  std::size_t column = 0;
  for (; column + kVectors * kWide <= out.cols(); column += kVectors * kWide) {
    add_products<kRows, kVectors>(wide, x, y.data(), y.stride(), out, column);
  }
  for (; column + kWide <= out.cols(); column += kWide) {
    add_products<kRows, 1>(wide, x, y.data(), y.stride(), out, column);
  }
  for (; column < out.cols(); ++column) {
    add_products<kRows, 1>(single, x, y.data(), y.stride(), out, column);
  }
}

void add_product(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out) {
  for (std::size_t row = 0; row < x.rows(); row += kFour) {
    const std::size_t count = std::min(kFour, x.rows() - row);
    const auto from = x.rows(row, count);
    const auto to = out.rows(row, count);
    switch (count) {
      case 1:
        add_rows<1>(from, y, to);
        break;
      case 2:
        add_rows<2>(from, y, to);
        break;
      case 3:
        add_rows<3>(from, y, to);
        break;
      default:
        add_rows<4>(from, y, to);
        break;
    }
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

constexpr std::size_t kFour = 4;
constexpr std::size_t kMostWeights = 8;  // rows of weights in a strip

constexpr std::size_t whole_fours(std::size_t count) noexcept {
  return divide_up(count, kFour) * kFour;
}

// One row stays alone.
constexpr std::size_t packed_rows(std::size_t rows) noexcept {
  return rows == 1 ? 1 : whole_fours(rows);
}

}  // namespace

HWY_EXPORT(multiply_packed_rows);
HWY_EXPORT(add_product);

std::size_t packed_rows_size(std::size_t rows, std::size_t cols) noexcept {
  check(rows <= kPackedRows, "packed_rows_size: at most kPackedRows");
  return packed_rows(rows) * whole_fours(cols);
}

void pack_rows(MatrixView<const float> x, std::span<float> packed) noexcept {
  check(packed.size() == packed_rows_size(x.rows(), x.cols()), "pack_rows: packed in whole fours");
  const std::size_t step = packed_rows(x.rows()) * kFour;
  const std::size_t whole = x.cols() / kFour * kFour;
  if (packed_rows(x.rows()) != x.rows() || whole != x.cols()) std::ranges::fill(packed, 0.0F);
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const float* from = x.row(r).data();
    float* to = packed.data() + r * kFour;
    for (std::size_t column = 0; column < whole; column += kFour, to += step) {
      std::copy_n(from + column, kFour, to);
    }
    std::copy_n(from + whole, x.cols() - whole, to);
  }
}

void multiply_packed_rows(std::span<const float> packed, MatrixView<const float> weight,
                          MatrixView<float> out) {
  check(out.cols() == weight.rows() && packed.size() == packed_rows_size(out.rows(), weight.cols()),
        "multiply_packed_rows: x [m, k] packed, weight [n, k], out [m, n]");
  if (weight.rows() >= kMostWeights) {
    HWY_DYNAMIC_DISPATCH(multiply_packed_rows)
    (packed.data(), packed_rows(out.rows()), weight, out);
    return;
  }
  Matrix<float> wide_weight(kMostWeights, weight.cols());
  Matrix<float> wide_out(out.rows(), kMostWeights);
  for (std::size_t n = 0; n < weight.rows(); ++n) {
    std::ranges::copy(weight.row(n), wide_weight.row(n).begin());
  }
  multiply_packed_rows(packed, wide_weight.view(), wide_out.view());
  for (std::size_t r = 0; r < out.rows(); ++r) {
    std::copy_n(wide_out.row(r).begin(), out.cols(), out.row(r).begin());
  }
}

void add_product(MatrixView<const float> x, MatrixView<const float> y,
                 MatrixView<float> out) noexcept {
  check(x.cols() == y.rows() && x.rows() == out.rows() && y.cols() == out.cols(),
        "add_product: x [m, k], y [k, n], out [m, n]");
  HWY_DYNAMIC_DISPATCH(add_product)(x, y, out);
}

}  // namespace vlm
#endif
