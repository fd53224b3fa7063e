#pragma once

// Products with packed bfloat16 weights on oneDNN, which has kernels for AVX512-BF16 and AMX.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/thread_pool.h"
#include "tensor/matrix.h"
#include "tensor/matrix_view.h"

namespace vlm {

// Whether the processor multiplies bfloat16 itself. The environment variable ONEDNN_MAX_CPU_ISA can
// forbid it (AVX512_CORE, AVX2, ...).
bool has_bfloat16_products();

// x with each element rounded to bfloat16.
Matrix<std::uint16_t> bfloat16_rows(MatrixView<const float> x, ThreadPool& pool);

// Products of one size, prepared once: x [m, k] with a packed weight [n, k].
class Bfloat16Product {
 public:
  // REQUIRES: has_bfloat16_products(); m, k, n > 0.
  Bfloat16Product(std::size_t m, std::size_t k, std::size_t n);
  ~Bfloat16Product();
  Bfloat16Product(Bfloat16Product&&) noexcept;
  Bfloat16Product& operator=(Bfloat16Product&&) noexcept;
  Bfloat16Product(const Bfloat16Product&) = delete;
  Bfloat16Product& operator=(const Bfloat16Product&) = delete;

  // out = x * weight^T, on the calling thread; several may call it at once: x bfloat16 with rows
  // one after another; `blocks` the weight (tensor/packed_layout.h); out [m, n]. Sums are float32.
  void run(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
           MatrixView<float> out) const;

 private:
  struct Primitive;
  std::unique_ptr<const Primitive> primitive_;
};

}  // namespace vlm
