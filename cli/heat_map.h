#pragma once

// Heat maps of similarities from -1 to 1 as one SVG.

#include <optional>
#include <string>
#include <vector>

namespace vlm {

struct HeatGrid {
  std::string title;
  std::vector<std::string> rows;  // labels
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<double>>> values;  // [rows][columns]; nothing: undefined
  double cell_width = 30;       // px; values are written into cells of 40 and more
  bool slants_columns = false;  // labels that are wider than a cell
};

// The grids below each other, under a heading and the scale of colours. Values beyond the scale
// take the colour of its end.
std::string heat_map_svg(const std::string& heading, const std::string& subheading,
                         const std::vector<HeatGrid>& grids);

}  // namespace vlm
