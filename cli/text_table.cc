#include "cli/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include <unicode/uchar.h>

#include "core/check.h"
#include "eval/code_points.h"

namespace vlm {
namespace {

std::size_t width_of(UChar32 code_point) {
  const int type = u_charType(code_point);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_CONTROL_CHAR ||
      type == U_FORMAT_CHAR) {
    return 0;
  }
  const int width = u_getIntPropertyValue(code_point, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char32_t code_point : decode_utf8(text)) {
    width += width_of(static_cast<UChar32>(code_point));
  }
  return width;
}

TextTable::TextTable(std::vector<std::string> headings)
    : alignments_(headings.size(), Align::kRight) {
  check(!headings.empty(), "TextTable: at least one column");
  alignments_[0] = Align::kLeft;
  rows_.push_back(std::move(headings));
}

void TextTable::align(std::size_t column, Align alignment) {
  alignments_.at(column) = alignment;
}

void TextTable::add_row(std::vector<std::string> cells) {
  check(cells.size() == alignments_.size(), "TextTable: one cell for each column");
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  std::vector<std::size_t> widths(alignments_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(row[c]));
    }
  }
  std::string text;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string padding(widths[c] - display_width(rows_[r][c]), ' ');
      if (c > 0) line += "  ";
      line += alignments_[c] == Align::kLeft ? rows_[r][c] + padding : padding + rows_[r][c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      text += (c > 0 ? "  " : "") + std::string(widths[c], '-');
    }
    text += "\n";
  }
  return text;
}

std::string fixed(double value, int decimals) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return {buffer.data(), static_cast<std::size_t>(std::max(length, 0))};
}

}  // namespace vlm
