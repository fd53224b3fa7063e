#include "tensor/quantized_rows.h"

#include <algorithm>
#include <span>

#include "tensor/weight_rounding.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/quantized_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Integers = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::int8_t, Floats>;
constexpr std::size_t kLanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;

// values [kColumns] times `inverse` as digits; returns the sum of the steps.
std::int32_t write_digits(const float* HWY_RESTRICT values, float inverse,
                          std::int8_t* HWY_RESTRICT high, std::int8_t* HWY_RESTRICT low) {
  static_assert(QuantizedBlock::kDigitBase == 128);
  const Integers integers;
  const auto factor = hn::Set(Floats(), inverse);
  const auto half = hn::Set(integers, 64);
  auto sum = hn::Zero(integers);
  for (std::size_t i = 0; i < QuantizedBlock::kColumns; i += kLanes) {
    const auto q = hn::NearestInt(hn::Mul(hn::LoadU(Floats(), values + i), factor));
    const auto digit = hn::Sub(hn::And(hn::Add(q, half), hn::Set(integers, 127)), half);
    hn::StoreU(hn::DemoteTo(Bytes(), digit), Bytes(), low + i);
    hn::StoreU(hn::DemoteTo(Bytes(), hn::ShiftRight<7>(hn::Sub(q, digit))), Bytes(), high + i);
    sum = hn::Add(sum, q);
  }
  return hn::GetLane(hn::SumOfLanes(integers, sum));
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(write_digits);

void quantize(std::span<const float> values, QuantizedBlock& block) {
  block.scale = step_size(values, QuantizedBlock::kMaxStep);
  block.high.fill(0);
  block.low.fill(0);
  block.sum = 0;
  if (!(block.scale > 0.0F)) return;
  std::array<float, QuantizedBlock::kColumns> padded{};
  std::ranges::copy(values, padded.begin());
  block.sum = HWY_DYNAMIC_DISPATCH(write_digits)(padded.data(), 1.0F / block.scale,
                                                 block.high.data(), block.low.data());
}

}  // namespace

QuantizedRows::QuantizedRows(MatrixView<const float> x, ThreadPool& pool)
    : rows_(x.rows()),
      cols_(x.cols()),
      num_blocks_((x.cols() + QuantizedBlock::kColumns - 1) / QuantizedBlock::kColumns),
      blocks_(rows_ * num_blocks_) {
  pool.parallel_for(rows_, [&](std::size_t row) {
    for (std::size_t i = 0; i < num_blocks_; ++i) {
      const std::size_t first = i * QuantizedBlock::kColumns;
      const std::size_t count = std::min(QuantizedBlock::kColumns, cols_ - first);
      quantize(x.row(row).subspan(first, count), blocks_[row * num_blocks_ + i]);
    }
  });
}

}  // namespace vlm
#endif
