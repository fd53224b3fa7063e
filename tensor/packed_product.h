#pragma once

// Products with tiles of packed bfloat16 weights (tensor/packed_layout.h): by oneDNN where the
// processor multiplies bfloat16 and there are rows enough to pay for its preparation, with x
// rounded to bfloat16; else by a loop that is bound by reading the weights, with x in float32.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "tensor/block_tiling.h"
#include "tensor/matrix.h"
#include "tensor/matrix_view.h"
#include "tensor/onednn_product.h"

namespace vlm {

class PackedProduct {
 public:
  // Of x [m, k] with a weight cut into tiles. `x` must outlive the product.
  PackedProduct(MatrixView<const float> x, const BlockTiling& tiling, ThreadPool& pool);

  // out = the tile's rows of x * weight^T, where `blocks` are the tile's blocks of the weight; out
  // [tile rows, n]. Runs on the calling thread; several may.
  void multiply(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                MatrixView<float> out) const;

 private:
  struct SizedProduct {
    std::size_t rows = 0;
    std::size_t width = 0;
    Bfloat16Product product;
  };

  void multiply_by_loop(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                        MatrixView<float> out) const;
  [[nodiscard]] const SizedProduct* find(std::size_t rows, std::size_t width) const noexcept;

  MatrixView<const float> x_;
  std::optional<Matrix<std::uint16_t>> rounded_;  // [m, k], for oneDNN
  std::vector<SizedProduct> products_;            // one for each size of tile, at most four
};

}  // namespace vlm
