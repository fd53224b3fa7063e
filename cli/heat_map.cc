#include "cli/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cli/text_table.h"
#include "search/html_text.h"

namespace vlm {
namespace {

constexpr double kMargin = 24;
constexpr double kCellHeight = 28;
constexpr double kLetterWidth = 7;      // px at the labels' size
constexpr double kValueCellWidth = 40;  // narrower cells show no value
constexpr double kScaleWidth = 220;
constexpr double kHeaderHeight = 116;
constexpr double kGridGap = 30;

using Colour = std::array<double, 3>;

// Blue, near white, red: the sign is told by the hue, the size by the depth.
constexpr std::array<Colour, 5> kColours = {
    {{33, 102, 172}, {146, 197, 222}, {247, 247, 247}, {244, 165, 130}, {178, 24, 43}}};

std::string colour_of(double value) {
  const double place = (std::clamp(value, -1.0, 1.0) + 1) / 2 * (kColours.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), kColours.size() - 2);
  const double share = place - static_cast<double>(below);
  std::array<char, 8> text{};
  std::array<int, 3> mixed{};
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    mixed[i] = static_cast<int>(
        std::lround((1 - share) * kColours[below][i] + share * kColours[below + 1][i]));
  }
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
  return text.data();
}

std::string text_at(double x, double y, const std::string& attributes, const std::string& text) {
  return element("text", escape_html(text), "x='" + px(x) + "' y='" + px(y) + "' " + attributes);
}

double width_of(const std::string& label) {
  return static_cast<double>(display_width(label)) * kLetterWidth;
}

double widest(const std::vector<std::string>& labels) {
  double width = 0;
  for (const std::string& label : labels) width = std::max(width, width_of(label));
  return width;
}

// Slanted by 40 degrees.
double column_label_height(const HeatGrid& grid) {
  constexpr double kRise = 0.65;
  return grid.slants_columns ? widest(grid.columns) * kRise + 16 : 22;
}

double grid_height(const HeatGrid& grid) {
  return 22 + column_label_height(grid) + static_cast<double>(grid.rows.size()) * kCellHeight;
}

double grid_width(const HeatGrid& grid) {
  const double overhang = grid.slants_columns ? widest(grid.columns) * 0.77 : 0;
  return static_cast<double>(grid.columns.size()) * grid.cell_width + overhang;
}

// Two decimals, without a sign before zero.
std::string rounded_text(double value) {
  constexpr double kHalfStep = 0.005;
  return decimal_text(std::abs(value) < kHalfStep ? 0.0 : value, 2);
}

std::string cell(const HeatGrid& grid, std::size_t row, std::size_t column, double x, double y) {
  const std::optional<double> value = grid.values[row][column];
  const std::string label = value ? rounded_text(*value) : "–";
  std::string svg =
      "<g>" + element("title", escape_html(grid.rows[row] + ", " + grid.columns[column] + ": " +
                                           (value ? decimal_text(*value, 4) : "undefined")));
  svg += element("rect", "",
                 "x='" + px(x) + "' y='" + px(y) + "' width='" + px(grid.cell_width - 2) +
                     "' height='" + px(kCellHeight - 2) + "' rx='3' fill='" +
                     (value ? colour_of(*value) : "#e4e4e4") + "'");
  if (grid.cell_width >= kValueCellWidth) {
    constexpr double kDark = 0.65;
    const bool is_dark = value && std::abs(*value) > kDark;
    svg += text_at(x + grid.cell_width / 2 - 1, y + kCellHeight / 2 + 3,
                   std::string("text-anchor='middle' fill='") + (is_dark ? "#fff" : "#222") + "'",
                   label);
  }
  return svg + "</g>\n";
}

std::string column_label(const HeatGrid& grid, std::size_t column, double x, double y) {
  if (!grid.slants_columns) {
    return text_at(x + grid.cell_width / 2 - 1, y - 7, "text-anchor='middle'",
                   grid.columns[column]);
  }
  const double centre = x + grid.cell_width / 2;
  return element("text", escape_html(grid.columns[column]),
                 "transform='translate(" + px(centre) + " " + px(y - 7) + ") rotate(-40)'");
}

std::string grid_svg(const HeatGrid& grid, double left, double top) {
  std::string svg = text_at(kMargin, top + 12, "class='title'", grid.title) + "\n";
  const double first_row = top + 22 + column_label_height(grid);
  for (std::size_t column = 0; column < grid.columns.size(); ++column) {
    const double x = left + static_cast<double>(column) * grid.cell_width;
    svg += column_label(grid, column, x, first_row) + "\n";
  }
  for (std::size_t row = 0; row < grid.rows.size(); ++row) {
    const double y = first_row + static_cast<double>(row) * kCellHeight;
    svg += text_at(left - 10, y + kCellHeight / 2 + 3, "text-anchor='end'", grid.rows[row]) + "\n";
    for (std::size_t column = 0; column < grid.columns.size(); ++column) {
      svg += cell(grid, row, column, left + static_cast<double>(column) * grid.cell_width, y);
    }
  }
  return svg;
}

std::string scale_svg(double top) {
  std::string stops;
  for (int percent = 0; percent <= 100; percent += 25) {
    stops += "<stop offset='" + std::to_string(percent) + "%' stop-color='" +
             colour_of(percent / 50.0 - 1) + "'/>";
  }
  std::string svg = element("defs", element("linearGradient", stops, "id='scale'"));
  svg += element("rect", "",
                 "x='" + px(kMargin) + "' y='" + px(top) + "' width='" + px(kScaleWidth) +
                     "' height='10' rx='3' fill='url(#scale)'");
  const std::array<std::string, 5> ticks = {"−1", "−0.5", "0", "0.5", "1"};
  const std::array<const char*, 5> anchors = {"start", "middle", "middle", "middle", "end"};
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    svg += text_at(kMargin + kScaleWidth * static_cast<double>(i) / 4, top + 24,
                   std::string("class='tick' text-anchor='") + anchors[i] + "'", ticks[i]);
  }
  return svg + "\n";
}

}  // namespace

std::string heat_map_svg(const std::string& heading, const std::string& subheading,
                         const std::vector<HeatGrid>& grids) {
  double left = 0;
  double width = std::max(width_of(subheading), kScaleWidth);
  double height = kHeaderHeight;
  for (const HeatGrid& grid : grids) left = std::max(left, kMargin + widest(grid.rows) + 16);
  for (const HeatGrid& grid : grids) {
    width = std::max(width, left - kMargin + grid_width(grid));
    height += grid_height(grid) + kGridGap;
  }
  width += 2 * kMargin;
  std::string svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + px(width) + "' height='" +
                    px(height) + "' viewBox='0 0 " + px(width) + " " + px(height) + "'>\n";
  svg +=
      "<style>text{font:12px 'Noto Sans CJK JP','Noto Sans',system-ui,sans-serif;fill:#333}"
      "[fill='#fff']{fill:#fff}.heading{font-size:18px;font-weight:600;fill:#111}"
      ".title{font-weight:600;fill:#111}.tick{font-size:11px;fill:#666}</style>\n";
  svg += "<rect width='100%' height='100%' fill='#fff'/>\n";
  svg += text_at(kMargin, 34, "class='heading'", heading) + "\n";
  svg += text_at(kMargin, 54, "", subheading) + "\n" + scale_svg(68);
  double top = kHeaderHeight;
  for (const HeatGrid& grid : grids) {
    svg += grid_svg(grid, left, top);
    top += grid_height(grid) + kGridGap;
  }
  return svg + "</svg>\n";
}

}  // namespace vlm
