#include "tensor/float32_weight.h"

#include <algorithm>

#include "core/check.h"
#include "tensor/gemm.h"
#include "tensor/large_pages.h"

namespace vlm {

void Float32Weight::fill(const Reader& read) {
  if (values_.empty()) {
    values_ = Matrix<float>::for_overwrite(rows(), cols());
    prefer_large_pages(std::as_writable_bytes(values_.values()));
  }
  read(values_.values());
}

std::size_t Float32Weight::value_bytes() const noexcept {
  return rows() * cols() * sizeof(float);
}

void Float32Weight::read_row(std::size_t row, std::span<float> out) const noexcept {
  check(!values_.empty(), "WeightMatrix::read_row: fill() first");
  check(row < rows() && out.size() == cols(), "WeightMatrix::read_row: row < rows, out [cols]");
  std::ranges::copy(values_.row(row), out.begin());
}

void Float32Weight::multiply(MatrixView<const float> x, MatrixView<float> out,
                             ThreadPool& pool) const {
  check(!values_.empty(), "WeightMatrix::multiply: fill() first");
  multiply_transposed(x, values_.view(), out, pool);
}

}  // namespace vlm
