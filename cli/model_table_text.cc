#include "cli/model_table_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "cli/text_table.h"

namespace vlm {
namespace {

constexpr int kDecimals = 3;

bool is_japanese(const BenchmarkMetric& column) {
  return column.benchmark.starts_with("ja");
}

std::string number_of(std::size_t column) {
  return "[" + std::to_string(column + 1) + "]";
}

std::string marked(double value, double best) {
  return fixed(value, kDecimals) + (value >= best ? "*" : " ");
}

std::string ahead_text(const ModelRow& row) {
  if (!row.evolved_ahead) return "";
  const PairedDifference& ahead = *row.evolved_ahead;
  const std::string sign = ahead.difference >= 0 ? "+" : "";
  return sign + fixed(ahead.difference, kDecimals) + " [" + fixed(ahead.low, kDecimals) + ", " +
         fixed(ahead.high, kDecimals) + "]";
}

// The largest value of each score column, then of the mean.
std::vector<double> best_values(const ModelTable& table) {
  std::vector<double> best(table.columns.size() + 1, 0.0);
  for (const ModelRow& row : table.rows) {
    for (std::size_t c = 0; c < row.scores.size(); ++c) best[c] = std::max(best[c], row.scores[c]);
    best.back() = std::max(best.back(), row.mean);
  }
  return best;
}

// What the short headings stand for.
std::string notes_of(const ModelTable& table) {
  std::string notes;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    notes += number_of(c) + " " + table.columns[c].benchmark + "; ";
  }
  if (std::any_of(table.columns.begin(), table.columns.end(), is_japanese)) {
    notes += "ja: share of answers in Japanese; ";
  }
  notes += "*: best of the column\nahead: evolved model minus this one, with the 95 % interval";
  if (std::any_of(table.rows.begin(), table.rows.end(),
                  [](const auto& row) { return row.blind; })) {
    notes += "; blind: asked without the pictures";
  }
  return notes + "\n";
}

}  // namespace

std::string model_table_text(const ModelTable& table) {
  std::vector<std::string> headings{"model", "role"};
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    headings.push_back(number_of(c) + " " + table.columns[c].metric + " ");
    if (is_japanese(table.columns[c])) headings.emplace_back("ja");
  }
  const bool shows_mean = table.columns.size() > 1;
  if (shows_mean) headings.emplace_back("mean ");
  headings.emplace_back("ahead");

  TextTable text(headings);
  text.align(1, TextTable::Align::kLeft);
  const std::vector<double> best = best_values(table);
  for (const ModelRow& row : table.rows) {
    std::vector<std::string> cells{row.name + (row.blind ? " (blind)" : ""), to_string(row.role)};
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      cells.push_back(marked(row.scores[c], best[c]));
      if (is_japanese(table.columns[c])) cells.push_back(fixed(100.0 * row.japanese[c], 0) + " %");
    }
    if (shows_mean) cells.push_back(marked(row.mean, best.back()));
    cells.push_back(ahead_text(row));
    text.add_row(std::move(cells));
  }
  return text.to_string() + "\n" + notes_of(table);
}

}  // namespace vlm
