#pragma once

// LLaVA 1.6's order of a tiled picture's features: those of the whole picture, then those of the
// tiles as one large grid, without the margins that came from the canvas, with a learned vector at
// the end of each row. Liu et al. 2024, "LLaVA-NeXT" ("spatial_unpad").

#include <cstddef>
#include <span>

#include "tensor/matrix.h"

namespace vlm {

struct TileLayout {
  std::size_t view_side = 24;  // features along a side of a view
  std::size_t tile_rows = 1;
  std::size_t tile_columns = 1;
  // Of the picture before it was resized: its aspect ratio tells which features are margin.
  std::size_t picture_height_px = 1;
  std::size_t picture_width_px = 1;
};

// Rows that pack_tiles() gives. REQUIRES: no member is 0.
std::size_t packed_rows(const TileLayout& layout);

// `views` [(1 + tile_rows * tile_columns) * view_side^2, hidden]: the whole picture's features and
// those of each tile; `newline` [hidden]. Margins are cut as transformers does: of both sides the
// same number of rows or columns, so that one feature more than necessary may stay.
Matrix<float> pack_tiles(MatrixView<const float> views, const TileLayout& layout,
                         std::span<const float> newline);

}  // namespace vlm
