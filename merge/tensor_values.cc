#include "merge/tensor_values.h"

#include "core/check.h"

namespace vlm {

std::span<const float> TensorValues::read(std::size_t first, std::size_t size,
                                          std::span<float> scratch) const {
  check(first <= size_ && size <= size_ - first, "TensorValues::read: inside");
  if (is_in_memory()) return memory_.subspan(first, size);
  (*read_)(first, scratch.first(size));
  return scratch.first(size);
}

std::span<const Bfloat16> TensorValues::read_bfloat16(std::size_t first, std::size_t size) const {
  check(is_bfloat16() && first <= size_ && size <= size_ - first,
        "TensorValues::read_bfloat16: inside of bfloat16 values");
  return bfloat16_->read(first, size);
}

void TensorValues::require_finite(std::size_t first, std::size_t size) const {
  check(is_bfloat16() && first <= size_ && size <= size_ - first,
        "TensorValues::require_finite: inside of bfloat16 values");
  bfloat16_->require_finite(first, size);
}

std::span<const float> TensorValues::in_memory() const {
  check(is_in_memory(), "TensorValues::in_memory: values in memory");
  return memory_;
}

}  // namespace vlm
