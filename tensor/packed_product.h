#pragma once

// Products with tiles of packed bfloat16 weights (tensor/packed_layout.h): by oneDNN where the
// processor multiplies bfloat16 and there are rows enough to pay for its preparation, with x
// rounded to bfloat16; else by a loop that is bound by reading the weights, with x in float32.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/thread_pool.h"
#include "tensor/block_tiling.h"
#include "tensor/matrix.h"
#include "tensor/matrix_view.h"

namespace vlm {

class PackedProduct {
 public:
  // `x` [m, k] must outlive the product.
  PackedProduct(MatrixView<const float> x, ThreadPool& pool);

  // out = the tile's rows of x * weight^T, where `blocks` are the tile's blocks of the weight; out
  // [tile rows, n]. Runs on the calling thread; several may.
  void multiply(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                MatrixView<float> out) const;

 private:
  MatrixView<const float> x_;
  std::optional<Matrix<std::uint16_t>> rounded_;  // [m, k], for oneDNN
};

}  // namespace vlm
