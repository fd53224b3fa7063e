#include "search/report_genes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "search/html_text.h"
#include "search/plot_axis.h"

namespace vlm {
namespace {

constexpr double kChartHeight = 150.0;
constexpr double kChartLeft = 34.0;
constexpr double kChartTop = 14.0;
constexpr double kChartBottom = 22.0;

struct Bar {
  std::size_t layer = 0;  // order in its chart
  std::string label;
  double value = 0.0;
};

struct Chart {
  std::string model;
  std::string title;
  bool over_layers = false;
  std::vector<Bar> bars;
};

std::optional<std::size_t> parse_layer(const std::string& text) {
  std::size_t layer = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), layer);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return layer;
}

// Takes the part after the last dot off `name`; nothing if there is no dot.
std::optional<std::string> take_last_part(std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return std::nullopt;
  std::string part = name.substr(dot + 1);
  name.resize(dot);
  return part;
}

// Model by model: the charts over layers, then the numbers without layers.
std::vector<Chart> charts_of(const std::map<std::string, double>& parameters) {
  std::map<std::pair<std::string, std::string>, Chart> charts;  // by model and title
  for (const auto& [name, value] : parameters) {
    const GeneName gene = split_gene_name(name);
    const std::string title =
        gene.layer ? gene.model + (gene.module.empty() ? "" : " " + gene.module) : gene.model;
    const std::string order = gene.layer ? "layers " + gene.module : "rest";
    Chart& chart = charts[{gene.model, order}];
    chart.model = gene.model;
    chart.title = title;
    chart.over_layers = gene.layer.has_value();
    const std::string label = gene.layer            ? std::to_string(*gene.layer)
                              : gene.module.empty() ? "all"
                                                    : gene.module;
    chart.bars.push_back({gene.layer.value_or(chart.bars.size()), label, value});
  }
  std::vector<Chart> list;
  for (auto& [key, chart] : charts) {
    std::sort(chart.bars.begin(), chart.bars.end(),
              [](const Bar& a, const Bar& b) { return a.layer < b.layer; });
    list.push_back(std::move(chart));
  }
  return list;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return element("text", escape_html(text),
                 "x='" + px(x) + "' y='" + px(y) + "' text-anchor='" + anchor + "'");
}

std::string bar_svg(const Bar& bar, double x, double width, const PlotScale& y, bool labelled) {
  const double from = y(std::clamp(0.0, y.low, y.high));
  const double top = std::min(y(bar.value), from);
  const double height = std::max(std::abs(y(bar.value) - from), 0.5);
  std::string svg =
      element("rect", element("title", escape_html(bar.label) + ": " + decimal_text(bar.value, 4)),
              "class='gene' x='" + px(x + width * 0.1) + "' y='" + px(top) + "' width='" +
                  px(width * 0.8) + "' height='" + px(height) + "'");
  const double middle = x + width / 2.0;
  if (labelled) svg += text_at(middle, kChartHeight - 7.0, "middle", bar.label);
  constexpr double kRoomForNumber = 26.0;
  if (width >= kRoomForNumber) {
    svg += text_at(middle, top - 3.0, "middle", decimal_text(bar.value, 2));
  }
  return svg;
}

std::string chart_svg(const Chart& chart, const AxisTicks& ticks) {
  const auto count = static_cast<double>(chart.bars.size());
  const double bar_width = chart.over_layers ? std::clamp(400.0 / count, 7.0, 30.0) : 60.0;
  const double width = kChartLeft + bar_width * count + 4.0;
  const PlotScale y{ticks.values.front(), ticks.values.back(), kChartHeight - kChartBottom,
                    kChartTop};
  std::string svg;
  for (const double value : ticks.values) {
    svg += "<line class='grid' x1='" + px(kChartLeft) + "' x2='" + px(width) + "' y1='" +
           px(y(value)) + "' y2='" + px(y(value)) + "'/>";
    svg += text_at(kChartLeft - 5.0, y(value) + 4.0, "end", decimal_text(value, ticks.digits));
  }
  constexpr double kRoomForLabel = 16.0;
  const std::size_t every = bar_width >= kRoomForLabel ? 1 : 4;
  for (std::size_t i = 0; i < chart.bars.size(); ++i) {
    svg += bar_svg(chart.bars[i], kChartLeft + bar_width * static_cast<double>(i), bar_width, y,
                   i % every == 0);
  }
  const std::string caption = escape_html(chart.title) + (chart.over_layers ? ", by layer" : "");
  return element("figure", element("figcaption", caption) +
                               element("svg", svg,
                                       "width='" + px(width) + "' viewBox='0 0 " + px(width) + " " +
                                           px(kChartHeight) + "'"));
}

std::string row_html(const std::string& charts) {
  return charts.empty() ? "" : element("div", charts, "class='genes'");
}

}  // namespace

GeneName split_gene_name(const std::string& name) {
  GeneName gene;
  gene.model = name;
  std::string shortened = name;
  if (const auto last = take_last_part(shortened)) {
    gene.layer = parse_layer(*last);
    if (gene.layer) gene.model = shortened;
  }
  if (const auto module = take_last_part(gene.model)) gene.module = *module;
  return gene;
}

std::string gene_charts(const std::map<std::string, double>& parameters) {
  double low = 0.0;
  double high = 0.0;
  for (const auto& [name, value] : parameters) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const AxisTicks ticks = enclosing_ticks(low, high, 4);
  std::string html;
  std::string row;
  std::string model;
  for (const Chart& chart : charts_of(parameters)) {
    if (chart.model != model) {
      html += row_html(row);
      row.clear();
      model = chart.model;
    }
    row += chart_svg(chart, ticks);
  }
  return html + row_html(row);
}

}  // namespace vlm
