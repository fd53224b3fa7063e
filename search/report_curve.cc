#include "search/report_curve.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "search/html_text.h"
#include "search/plot_axis.h"

namespace vlm {
namespace {

constexpr double kWidth = 900.0;
constexpr double kHeight = 340.0;
constexpr double kLeft = 56.0;
constexpr double kRight = 12.0;
constexpr double kTop = 12.0;
constexpr double kBottom = 46.0;
constexpr double kFailedRow = 9.0;  // px above the axis where failed trials are marked

struct CurvePoint {
  double number = 0.0;
  std::optional<double> fitness;  // nothing: failed
  std::optional<std::size_t> generation;
};

struct CurveScales {
  AxisTicks number_ticks;
  AxisTicks fitness_ticks;
  PlotScale x;
  PlotScale y;

  [[nodiscard]] bool shows(double fitness) const { return fitness >= y.low && fitness <= y.high; }
  // Of a fitness, or of the end of the axis beyond which it lies.
  [[nodiscard]] double y_of(double fitness) const { return y(std::clamp(fitness, y.low, y.high)); }
};

std::vector<CurvePoint> ended_trials(std::span<const Trial> trials) {
  std::vector<CurvePoint> points;
  for (const Trial& trial : trials) {
    if (trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning) continue;
    CurvePoint& point = points.emplace_back();
    point.number = static_cast<double>(trial.number);
    point.generation = trial.generation;
    const bool complete = trial.state == TrialState::kComplete && !trial.values.empty();
    if (complete && std::isfinite(trial.values[0])) point.fitness = trial.values[0];
  }
  return points;
}

// What the axis has to show: all, unless the worst few would squeeze the others into less than
// half.
std::pair<double, double> shown_range(std::vector<double> fitness, Direction direction) {
  constexpr double kWorstShare = 0.02;
  constexpr double kMargin = 0.1;
  std::sort(fitness.begin(), fitness.end());
  if (direction == Direction::kMinimize) std::reverse(fitness.begin(), fitness.end());
  const double worst = fitness.front();
  const double best = fitness.back();
  const auto few =
      static_cast<std::size_t>(std::ceil(kWorstShare * static_cast<double>(fitness.size())));
  const double ordinary = fitness[std::min(few, fitness.size() - 1)];
  const bool squeezed = std::abs(best - worst) > 2.0 * std::abs(best - ordinary);
  const double end = squeezed && best != ordinary ? ordinary - kMargin * (best - ordinary) : worst;
  return std::minmax(end, best);
}

CurveScales scales_of(const std::vector<CurvePoint>& points, Direction direction) {
  std::vector<double> fitness;
  double last_number = 1.0;
  for (const CurvePoint& point : points) {
    if (point.fitness) fitness.push_back(*point.fitness);
    last_number = std::max(last_number, point.number);
  }
  if (fitness.empty()) fitness = {0.0, 1.0};
  const auto [low, high] = shown_range(std::move(fitness), direction);
  CurveScales scales;
  scales.number_ticks = enclosing_whole_ticks(0.0, last_number, 8);
  scales.fitness_ticks = enclosing_ticks(low, high, 5);
  scales.x = {0.0, last_number, kLeft + 8.0, kWidth - kRight};
  scales.y = {scales.fitness_ticks.values.front(), scales.fitness_ticks.values.back(),
              kHeight - kBottom, kTop};
  return scales;
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line class='" + style + "' x1='" + px(x1) + "' y1='" + px(y1) + "' x2='" + px(x2) +
         "' y2='" + px(y2) + "'/>";
}

std::string label(double x, double y, const std::string& anchor, const std::string& text) {
  return element("text", escape_html(text),
                 "x='" + px(x) + "' y='" + px(y) + "' text-anchor='" + anchor + "'");
}

std::string axes(const CurveScales& scales) {
  const double bottom = kHeight - kBottom;
  std::string svg;
  for (const double value : scales.fitness_ticks.values) {
    const double y = scales.y(value);
    svg += line(kLeft, y, kWidth - kRight, y, "grid");
    svg += label(kLeft - 7.0, y + 4.0, "end", decimal_text(value, scales.fitness_ticks.digits));
  }
  for (const double value : scales.number_ticks.values) {
    if (value > scales.x.high) continue;
    svg += line(scales.x(value), bottom, scales.x(value), bottom + 5.0, "axis");
    svg += label(scales.x(value), bottom + 19.0, "middle", decimal_text(value, 0));
  }
  svg += line(kLeft, bottom, kWidth - kRight, bottom, "axis");
  svg += label((kLeft + kWidth - kRight) / 2.0, kHeight - 6.0, "middle", "trial");
  const double middle = (kTop + bottom) / 2.0;
  svg += element("text", "fitness",
                 "text-anchor='middle' transform='translate(13 " + px(middle) + ") rotate(-90)'");
  return svg;
}

std::string tooltip(const CurvePoint& point) {
  std::string text = "trial " + decimal_text(point.number, 0);
  if (point.generation) text += ", generation " + std::to_string(*point.generation);
  return element("title",
                 text + ": " + (point.fitness ? decimal_text(*point.fitness, 4) : "failed"));
}

std::string marks(const std::vector<CurvePoint>& points, const CurveScales& scales) {
  std::string svg;
  for (const CurvePoint& point : points) {
    const std::string x = px(scales.x(point.number));
    if (point.fitness) {
      const std::string style = scales.shows(*point.fitness) ? "trial" : "trial beyond";
      const std::string y = px(scales.y_of(*point.fitness));
      std::string attributes = "class='" + style;
      attributes += "' r='3' cx='" + x;
      attributes += "' cy='" + y + "'";
      svg += element("circle", tooltip(point), attributes);
    } else {
      svg += element("path", tooltip(point),
                     "class='failed' d='M" + x + " " + px(kHeight - kBottom - kFailedRow) +
                         "m-4 -4l8 8m0 -8l-8 8'");
    }
  }
  return svg;
}

std::string polyline(const std::string& points, const std::string& style) {
  return points.empty() ? "" : "<polyline class='" + style + "' points='" + points + "'/>";
}

std::string best_so_far(const std::vector<CurvePoint>& points, const CurveScales& scales,
                        Direction direction) {
  std::string path;
  std::optional<double> best;
  for (const CurvePoint& point : points) {
    const std::string x = px(scales.x(point.number)) + ",";
    if (point.fitness) {
      const bool better = !best || (direction == Direction::kMaximize ? *point.fitness > *best
                                                                      : *point.fitness < *best);
      if (better && best) path += x + px(scales.y_of(*best)) + " ";
      if (better) best = point.fitness;
    }
    if (best) path += x + px(scales.y_of(*best)) + " ";
  }
  return polyline(path, "best");
}

std::string generation_means(const std::vector<CurvePoint>& points, const CurveScales& scales) {
  struct Sums {
    double number = 0.0;
    double fitness = 0.0;
    double count = 0.0;
  };
  std::map<std::size_t, Sums> generations;
  for (const CurvePoint& point : points) {
    if (!point.generation || !point.fitness) continue;
    Sums& sums = generations[*point.generation];
    sums.number += point.number;
    sums.fitness += *point.fitness;
    sums.count += 1.0;
  }
  std::string path;
  for (const auto& [index, sums] : generations) {
    path += px(scales.x(sums.number / sums.count)) + "," +
            px(scales.y_of(sums.fitness / sums.count)) + " ";
  }
  return polyline(path, "mean");
}

}  // namespace

std::string fitness_curve_svg(std::span<const Trial> trials, Direction direction) {
  const std::vector<CurvePoint> points = ended_trials(trials);
  if (points.empty()) return "";
  const CurveScales scales = scales_of(points, direction);
  return element("svg",
                 element("title", "Fitness of every trial, best so far, mean of each generation") +
                     axes(scales) + marks(points, scales) + generation_means(points, scales) +
                     best_so_far(points, scales, direction),
                 "class='curve' role='img' viewBox='0 0 " + decimal_text(kWidth, 0) + " " +
                     decimal_text(kHeight, 0) + "'");
}

}  // namespace vlm
