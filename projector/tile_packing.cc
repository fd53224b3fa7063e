#include "projector/tile_packing.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace vlm {
namespace {

// The part of the tiles' grid that shows the picture.
struct FeatureWindow {
  std::size_t first_row = 0;
  std::size_t rows = 0;
  std::size_t first_column = 0;
  std::size_t columns = 0;
};

double ratio(std::size_t a, std::size_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

// Features in front of the picture, when it fills the grid along its other side.
// hf: int(round(length_px * scale, 7))
std::size_t margin(std::size_t grid, std::size_t length_px, double scale) {
  constexpr double kSevenDigits = 1e7;
  const double exact = static_cast<double>(length_px) * scale;
  const auto filled =
      static_cast<std::size_t>(std::floor(std::round(exact * kSevenDigits) / kSevenDigits));
  check(filled <= grid, "pack_tiles: a picture within its grid");
  return (grid - filled) / 2;
}

FeatureWindow visible_window(const TileLayout& layout) {
  const std::size_t rows = layout.tile_rows * layout.view_side;
  const std::size_t columns = layout.tile_columns * layout.view_side;
  const std::size_t height = layout.picture_height_px;
  const std::size_t width = layout.picture_width_px;
  if (ratio(width, height) > ratio(columns, rows)) {
    const std::size_t cut = margin(rows, height, ratio(columns, width));
    return {cut, rows - 2 * cut, 0, columns};
  }
  const std::size_t cut = margin(columns, width, ratio(rows, height));
  return {0, rows, cut, columns - 2 * cut};
}

// Where the feature of a place in the grid lies among the rows of the views.
std::size_t row_in_views(const TileLayout& layout, std::size_t row, std::size_t column) {
  const std::size_t side = layout.view_side;
  const std::size_t tile = row / side * layout.tile_columns + column / side;
  return ((1 + tile) * side + row % side) * side + column % side;
}

}  // namespace

std::size_t packed_rows(const TileLayout& layout) {
  const FeatureWindow window = visible_window(layout);
  return layout.view_side * layout.view_side + window.rows * (window.columns + 1);
}

Matrix<float> pack_tiles(MatrixView<const float> views, const TileLayout& layout,
                         std::span<const float> newline) {
  const std::size_t per_view = layout.view_side * layout.view_side;
  check(views.rows() == (1 + layout.tile_rows * layout.tile_columns) * per_view &&
            newline.size() == views.cols(),
        "pack_tiles: views [(1 + tiles) * view_side^2, hidden], newline [hidden]");
  Matrix<float> out(packed_rows(layout), views.cols());
  std::size_t next = 0;
  const auto append = [&](std::span<const float> row) {
    std::copy(row.begin(), row.end(), out.row(next++).begin());
  };
  for (std::size_t row = 0; row < per_view; ++row) append(views.row(row));
  const FeatureWindow window = visible_window(layout);
  for (std::size_t row = 0; row < window.rows; ++row) {
    for (std::size_t column = 0; column < window.columns; ++column) {
      append(views.row(row_in_views(layout, window.first_row + row, window.first_column + column)));
    }
    append(newline);
  }
  return out;
}

}  // namespace vlm
