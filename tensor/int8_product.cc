#include "tensor/int8_product.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/check.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/int8_product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if HWY_ARCH_X86
#include <immintrin.h>
#endif

#ifndef VLM_TENSOR_INT8_PRODUCT_ENUM
#define VLM_TENSOR_INT8_PRODUCT_ENUM
namespace vlm {

enum class IntegerProducts { kPlain, kAvx2, kAvx512Vnni };

}  // namespace vlm
#endif

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

// Which instructions of whole numbers go with this instruction set of Highway's.
IntegerProducts integer_products() {
#if HWY_TARGET == HWY_AVX2
  return IntegerProducts::kAvx2;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return __builtin_cpu_supports("avx512vnni") != 0 ? IntegerProducts::kAvx512Vnni
                                                   : IntegerProducts::kAvx2;
#else
  return IntegerProducts::kPlain;
#endif
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

constexpr std::size_t kRows = PackedLayout::kBlockRows;
constexpr std::size_t kTogether = Int8Layout::kColumnsTogether;
constexpr std::size_t kGroupBytes = kRows * kTogether;  // a group: four columns of a block

using Sums = std::array<float, kMostInt8ProductRows * kRows>;  // [m, 64]

// Up to 128 columns of a block of the weight, and of some rows of x.
struct Columns {
  const std::uint8_t* steps;  // [groups, 64, 4]
  std::size_t num_groups;
  std::array<const QuantizedBlock*, kMostInt8ProductRows> x;
  std::size_t num_rows;
};

// With u = step + 128: sum(step q) = 128 sum(u high) + sum(u low) - 128 sum(q).
std::int32_t correction(const QuantizedBlock& x) {
  return Int8Layout::kOffset * x.sum;
}

void add_columns_plainly(const Columns& columns, Sums& sums) {
  for (std::size_t r = 0; r < columns.num_rows; ++r) {
    const QuantizedBlock& x = *columns.x[r];
    for (std::size_t row = 0; row < kRows; ++row) {
      std::int32_t total = -correction(x);
      for (std::size_t i = 0; i < columns.num_groups * kTogether; ++i) {
        const int q = QuantizedBlock::kDigitBase * x.high[i] + x.low[i];
        total += columns.steps[Int8Layout::index(row, i)] * q;
      }
      float& sum = sums[r * kRows + row];
      sum = std::fma(x.scale, static_cast<float>(total), sum);
    }
  }
}

using AddColumns = void (*)(const Columns& columns, Sums& sums);

#if HWY_ARCH_X86

#define VLM_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define VLM_AVX2 __attribute__((target("avx2,fma")))

std::int32_t four_digits(const std::int8_t* digits) {
  std::int32_t four = 0;
  std::memcpy(&four, digits, sizeof(four));
  return four;
}

constexpr std::size_t kPrefetchBytes = 4096;

// The masked forms of some instructions: GCC 12 takes the others for reading what is not set.
constexpr __mmask16 kAllLanes = 0xFFFF;

// kCount rows of x, from number `first` on.
template <std::size_t kCount>
VLM_VNNI void add_rows_with_vnni(const Columns& columns, std::size_t first, Sums& sums) {
  constexpr std::size_t kVectors = kGroupBytes / sizeof(__m512i);
  __m512i high[kCount][kVectors];
  __m512i low[kCount][kVectors];
  for (std::size_t r = 0; r < kCount; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) high[r][v] = low[r][v] = _mm512_setzero_si512();
  }
  const std::uint8_t* steps = columns.steps;
  for (std::size_t group = 0; group < columns.num_groups; ++group, steps += kGroupBytes) {
    __m512i weights[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm_prefetch(reinterpret_cast<const char*>(steps + v * sizeof(__m512i) + kPrefetchBytes),
                   _MM_HINT_T0);
      weights[v] = _mm512_loadu_si512(steps + v * sizeof(__m512i));
    }
    for (std::size_t r = 0; r < kCount; ++r) {
      const QuantizedBlock& x = *columns.x[first + r];
      const __m512i high_digits = _mm512_set1_epi32(four_digits(&x.high[group * kTogether]));
      const __m512i low_digits = _mm512_set1_epi32(four_digits(&x.low[group * kTogether]));
      for (std::size_t v = 0; v < kVectors; ++v) {
        high[r][v] = _mm512_dpbusd_epi32(high[r][v], weights[v], high_digits);
        low[r][v] = _mm512_dpbusd_epi32(low[r][v], weights[v], low_digits);
      }
    }
  }
  for (std::size_t r = 0; r < kCount; ++r) {
    const QuantizedBlock& x = *columns.x[first + r];
    const __m512i correct = _mm512_set1_epi32(correction(x));
    const __m512 scale = _mm512_set1_ps(x.scale);
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m512i both =
          _mm512_add_epi32(_mm512_maskz_slli_epi32(kAllLanes, high[r][v], 7), low[r][v]);
      const __m512 total = _mm512_maskz_cvtepi32_ps(kAllLanes, _mm512_sub_epi32(both, correct));
      float* sum = &sums[(first + r) * kRows + v * 16];
      _mm512_storeu_ps(sum, _mm512_fmadd_ps(scale, total, _mm512_loadu_ps(sum)));
    }
  }
}

VLM_VNNI void add_columns_with_vnni(const Columns& columns, Sums& sums) {
  std::size_t row = 0;
  for (; row + 3 <= columns.num_rows; row += 3) add_rows_with_vnni<3>(columns, row, sums);
  if (row + 2 == columns.num_rows) add_rows_with_vnni<2>(columns, row, sums);
  if (row + 1 == columns.num_rows) add_rows_with_vnni<1>(columns, row, sums);
}

// One row of x and 32 rows of the block, whose first is number `first`. The sums of two products
// (255 * 64 * 2) fit into 16 bits, since digits are that small.
VLM_AVX2 void add_strip_with_avx2(const Columns& columns, std::size_t r, std::size_t first,
                                  Sums& sums) {
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kVectors = 4;
  const QuantizedBlock& x = *columns.x[r];
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i high[kVectors];
  __m256i low[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) high[v] = low[v] = _mm256_setzero_si256();
  const std::uint8_t* steps = columns.steps + first * kTogether;
  for (std::size_t group = 0; group < columns.num_groups; ++group, steps += kGroupBytes) {
    const __m256i high_digits = _mm256_set1_epi32(four_digits(&x.high[group * kTogether]));
    const __m256i low_digits = _mm256_set1_epi32(four_digits(&x.low[group * kTogether]));
    for (std::size_t v = 0; v < kVectors; ++v) {
      const auto* place = reinterpret_cast<const __m256i*>(steps + v * sizeof(__m256i));
      const __m256i weights = _mm256_loadu_si256(place);
      const __m256i high_pairs = _mm256_maddubs_epi16(weights, high_digits);
      const __m256i low_pairs = _mm256_maddubs_epi16(weights, low_digits);
      high[v] = _mm256_add_epi32(high[v], _mm256_madd_epi16(high_pairs, ones));
      low[v] = _mm256_add_epi32(low[v], _mm256_madd_epi16(low_pairs, ones));
    }
  }
  const __m256i correct = _mm256_set1_epi32(correction(x));
  const __m256 scale = _mm256_set1_ps(x.scale);
  for (std::size_t v = 0; v < kVectors; ++v) {
    const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[v], 7), low[v]);
    const __m256 total = _mm256_cvtepi32_ps(_mm256_sub_epi32(both, correct));
    float* sum = &sums[r * kRows + first + v * kLanes];
    _mm256_storeu_ps(sum, _mm256_fmadd_ps(scale, total, _mm256_loadu_ps(sum)));
  }
}

VLM_AVX2 void add_columns_with_avx2(const Columns& columns, Sums& sums) {
  constexpr std::size_t kStripRows = 32;
  for (std::size_t r = 0; r < columns.num_rows; ++r) {
    for (std::size_t first = 0; first < kRows; first += kStripRows) {
      add_strip_with_avx2(columns, r, first, sums);
    }
  }
}

#undef VLM_VNNI
#undef VLM_AVX2

#endif

HWY_EXPORT(integer_products);

AddColumns best_add_columns() {
#if HWY_ARCH_X86
  switch (HWY_DYNAMIC_DISPATCH(integer_products)()) {
    case IntegerProducts::kAvx512Vnni:
      return add_columns_with_vnni;
    case IntegerProducts::kAvx2:
      return add_columns_with_avx2;
    case IntegerProducts::kPlain:
      break;
  }
#endif
  return add_columns_plainly;
}

}  // namespace

void multiply_int8_block(const QuantizedRows& x, std::span<const std::uint8_t> block,
                         std::span<const float> scales, MatrixView<float> out) noexcept {
  check(x.rows() == out.rows() && x.rows() <= kMostInt8ProductRows && out.cols() > 0 &&
            out.cols() <= kRows && block.size() == Int8Layout::block_size(x.cols()) &&
            scales.size() == kRows,
        "multiply_int8_block: x [m <= 8, k], block of k columns, scales [64], out [m, n <= 64]");
  const AddColumns add_columns = best_add_columns();
  constexpr std::size_t kGroups = QuantizedBlock::kColumns / kTogether;
  const std::size_t num_groups = block.size() / kGroupBytes;
  Sums sums{};
  Columns columns{block.data(), 0, {}, x.rows()};
  for (std::size_t i = 0; i < x.num_blocks(); ++i) {
    columns.steps = block.data() + i * kGroups * kGroupBytes;
    columns.num_groups = std::min(kGroups, num_groups - i * kGroups);
    for (std::size_t r = 0; r < x.rows(); ++r) columns.x[r] = &x.block(r, i);
    add_columns(columns, sums);
  }
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<float> row = out.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] = sums[r * kRows + c] * scales[c];
  }
}

}  // namespace vlm
#endif
