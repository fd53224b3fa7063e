#pragma once

// Tables for a terminal: columns aligned by display width (a kanji is two columns wide).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

// Terminal columns that UTF-8 text takes, by Unicode Standard Annex #11: wide and full-width
// characters 2, combining marks and controls 0, all others 1.
std::size_t display_width(std::string_view text);

class TextTable {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };

  // A column for each heading; the first is aligned left, the others right.
  explicit TextTable(std::vector<std::string> headings);

  void align(std::size_t column, Align alignment);
  // REQUIRES: one cell for each column.
  void add_row(std::vector<std::string> cells);
  // Lines separated by "\n", each column as wide as its widest cell, a rule under the headings.
  [[nodiscard]] std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the headings first
  std::vector<Align> alignments_;
};

// "0.8437" with that many decimals.
std::string fixed(double value, int decimals);

}  // namespace vlm
