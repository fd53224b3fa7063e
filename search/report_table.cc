#include "search/report_table.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "eval/metrics.h"
#include "search/html_text.h"
#include "search/plot_axis.h"

namespace vlm {
namespace {

constexpr int kDecimals = 3;

const ModelRow* find_evolved(const ModelTable& table) {
  const auto row = std::find_if(table.rows.begin(), table.rows.end(), [](const ModelRow& r) {
    return r.role == ComparisonRole::kEvolved;
  });
  return row == table.rows.end() ? nullptr : &*row;
}

std::string role_in_words(ComparisonRole role) {
  switch (role) {
    case ComparisonRole::kParent:
      return "parent";
    case ComparisonRole::kControl:
      return "control";
    case ComparisonRole::kUniform:
      return "uniform merge";
    case ComparisonRole::kUntuned:
      return "untuned merge";
    case ComparisonRole::kEvolved:
      return "found by this search";
  }
  return "";
}

// The score's text, bold if no row of the column shows more.
std::string score_text(double value, const std::vector<double>& column) {
  const double best = *std::max_element(column.begin(), column.end());
  const std::string text = decimal_text(value, kDecimals);
  return text == decimal_text(best, kDecimals) ? element("b", text) : text;
}

std::vector<double> score_column(const ModelTable& table, std::size_t column) {
  std::vector<double> scores;
  for (const ModelRow& row : table.rows) scores.push_back(row.scores[column]);
  return scores;
}

std::vector<double> mean_column(const ModelTable& table) {
  std::vector<double> means;
  for (const ModelRow& row : table.rows) means.push_back(row.mean);
  return means;
}

std::string interval_text(const PairedDifference& ahead) {
  return "[" + signed_text(ahead.low, kDecimals) + ", " + signed_text(ahead.high, kDecimals) + "]";
}

std::string certainty(const PairedDifference& ahead) {
  if (ahead.low > 0.0) return element("span", "clearly ahead", "class='good'");
  if (ahead.high < 0.0) return element("span", "clearly behind", "class='bad'");
  return element("span", "too close to call", "class='partly'");
}

// The range of all intervals with zero in it.
PlotScale interval_scale(const ModelTable& table) {
  constexpr double kMargin = 6.0;
  constexpr double kIntervalWidth = 150.0;
  PlotScale scale{0.0, 0.0, kMargin, kIntervalWidth - kMargin};
  for (const ModelRow& row : table.rows) {
    if (!row.evolved_ahead) continue;
    scale.low = std::min(scale.low, row.evolved_ahead->low);
    scale.high = std::max(scale.high, row.evolved_ahead->high);
  }
  if (scale.high <= scale.low) scale.high = scale.low + 1.0;
  return scale;
}

std::string interval_svg(const PairedDifference& ahead, const PlotScale& scale) {
  const auto x = [&scale](double value) {
    return "'" + decimal_text(scale(std::clamp(value, scale.low, scale.high)), 1) + "'";
  };
  return element(
      "svg",
      "<line class='axis' x1=" + x(0.0) + " x2=" + x(0.0) + " y1='1' y2='17'/>" +
          "<line class='interval' x1=" + x(ahead.low) + " x2=" + x(ahead.high) +
          " y1='9' y2='9'/><circle class='estimate' r='4' cy='9' cx=" + x(ahead.difference) + "/>",
      "class='interval' viewBox='0 0 150 18' width='150' height='18'");
}

std::string ahead_cells(const ModelRow& row, const PlotScale& scale) {
  if (!row.evolved_ahead) return element("td", "") + element("td", "");
  const PairedDifference& ahead = *row.evolved_ahead;
  return element("td",
                 signed_text(ahead.difference, kDecimals) + " " +
                     element("small", interval_text(ahead) + "<br>" + certainty(ahead)),
                 "class='number'") +
         element("td", interval_svg(ahead, scale));
}

std::string row_html(const ModelRow& row, const ModelTable& table, const PlotScale& scale) {
  std::string name = escape_html(row.name) + "<br>" +
                     element("small", role_in_words(row.role) +
                                          std::string(row.blind ? ", without the picture" : ""));
  std::string cells = element("th", name, "scope='row'");
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    cells +=
        element("td",
                score_text(row.scores[c], score_column(table, c)) + "<br>" +
                    element("small", decimal_text(100.0 * row.japanese[c], 0) + " % in Japanese"),
                "class='number'");
  }
  if (table.columns.size() > 1) {
    cells += element("td", score_text(row.mean, mean_column(table)), "class='number'");
  }
  const bool evolved = row.role == ComparisonRole::kEvolved;
  return element("tr", cells + ahead_cells(row, scale), evolved ? "class='evolved'" : "");
}

std::string explanation(const ModelTable& table) {
  std::string text =
      "Measured after the search, on the benchmarks its file names under “test”. The best value of "
      "every column is bold. ";
  std::set<std::string> explained;
  for (const BenchmarkMetric& column : table.columns) {
    const std::string words = metric_in_words(column.metric);
    if (words.empty() || !explained.insert(column.metric).second) continue;
    text += element("b", escape_html(column.metric)) + ": " + words + ". ";
  }
  const bool blind = std::any_of(table.rows.begin(), table.rows.end(),
                                 [](const ModelRow& row) { return row.blind; });
  if (blind) {
    text +=
        "A row marked “without the picture” is a text model: it got the question alone and had "
        "to guess. ";
  }
  return text +
         "<b>Evolved is ahead by</b>: the difference of the means, with its 95 % interval from "
         "10,000 draws of the questions with repetition, the same draw for both models. If the "
         "interval lies above 0 the lead is no accident of which questions were asked; if it "
         "holds 0 it may be one.";
}

const ModelRow* best_of(const ModelTable& table,
                        const std::function<bool(const ModelRow&)>& counts) {
  const ModelRow* best = nullptr;
  for (const ModelRow& row : table.rows) {
    if (counts(row) && (best == nullptr || row.mean > best->mean)) best = &row;
  }
  return best;
}

std::string lead_over(const std::string& what, const ModelRow& row) {
  std::string text = " " + what + ", " + element("b", escape_html(row.name)) + ", scores " +
                     decimal_text(row.mean, kDecimals);
  if (row.evolved_ahead) {
    text += ": " + certainty(*row.evolved_ahead) + ", evolved " +
            signed_text(row.evolved_ahead->difference, kDecimals) + " (95 % " +
            interval_text(*row.evolved_ahead) + ")";
  }
  return text + ".";
}

}  // namespace

std::string model_table_html(const ModelTable& table) {
  std::string head = element("th", "model");
  for (const BenchmarkMetric& column : table.columns) {
    head += element(
        "th", escape_html(column.benchmark) + "<br>" + element("small", escape_html(column.metric)),
        "class='number'");
  }
  if (table.columns.size() > 1) head += element("th", "mean", "class='number'");
  head += element("th", "evolved is ahead by", "class='number'") + element("th", "");
  const PlotScale scale = interval_scale(table);
  std::string body;
  for (const ModelRow& row : table.rows) body += row_html(row, table, scale);
  return element("div",
                 element("table", element("thead", element("tr", head)) + element("tbody", body),
                         "class='results'"),
                 "class='wide'") +
         element("p", explanation(table), "class='note'");
}

std::string verdict_html(const ModelTable& table) {
  const ModelRow* evolved = find_evolved(table);
  const auto is_parent = [](const ModelRow& row) { return row.role == ComparisonRole::kParent; };
  const ModelRow* parent = best_of(table, is_parent);
  const ModelRow* other =
      best_of(table, [](const ModelRow& row) { return row.role != ComparisonRole::kEvolved; });
  if (evolved == nullptr || other == nullptr) return "";
  std::string text = "On the test questions the evolved model scores " +
                     element("b", decimal_text(evolved->mean, kDecimals)) +
                     (table.columns.size() > 1 ? " on average." : ".");
  if (parent != nullptr) text += lead_over("Its best parent", *parent);
  if (other != parent) text += lead_over("The best of the other rows", *other);
  return element("p", text, "class='verdict'");
}

std::string metric_in_words(const std::string& metric) {
  try {
    const Metric parsed = parse_metric(metric);
    const std::string japanese =
        parsed.needs_japanese ? "; an answer that is not Japanese counts as empty" : "";
    const std::string tokens =
        parsed.tokenizer == ScoreTokenizer::kCharacter ? "characters" : "words";
    switch (parsed.kind) {
      case MetricKind::kRouge1:
        return tokens + " shared with the reference, 0 to 1" + japanese;
      case MetricKind::kRouge2:
        return "pairs of " + tokens + " shared with the reference, 0 to 1" + japanese;
      case MetricKind::kRougeL:
        return "longest common sequence of " + tokens + " with the reference, 0 to 1" + japanese;
      case MetricKind::kExactMatch:
        return "share of answers equal to the reference" + japanese;
      case MetricKind::kJapaneseProbability:
        return "probability that the answer is Japanese";
      case MetricKind::kJapaneseRate:
        return "share of answers in Japanese";
      case MetricKind::kNumberCorrect:
        return "share of answers whose last number is right" +
               std::string(parsed.needs_japanese ? " and that are in Japanese" : "");
    }
  } catch (const Error&) {
    return "";
  }
  return "";
}

}  // namespace vlm
