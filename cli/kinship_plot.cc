#include "cli/kinship_plot.h"

#include <filesystem>
#include <set>
#include <utility>

#include "cli/heat_map.h"

namespace vlm {
namespace {

// The last parts of the names, if these tell the models apart.
std::vector<std::string> short_names(const std::vector<std::string>& models) {
  std::vector<std::string> names;
  for (const std::string& model : models) {
    const std::filesystem::path path = std::filesystem::path(model).lexically_normal();
    names.push_back((path.has_filename() ? path : path.parent_path()).filename().string());
  }
  const bool are_distinct = std::set(names.begin(), names.end()).size() == names.size();
  return are_distinct ? names : models;
}

HeatGrid model_grid(const KinshipReport& report, const std::vector<std::string>& names) {
  HeatGrid grid{"All parameters", names, names, {}, 56, true};
  const std::size_t n = names.size();
  grid.values.assign(n, std::vector<std::optional<double>>(n));
  for (std::size_t i = 0; i < n; ++i) {
    if (report.norms[i] > 0) grid.values[i][i] = 1;
  }
  for (const PairKinship& pair : report.pairs) {
    grid.values[pair.a][pair.b] = pair.global.cosine;
    grid.values[pair.b][pair.a] = pair.global.cosine;
  }
  return grid;
}

using Groups = std::vector<NamedSimilarity> PairKinship::*;

HeatGrid pair_grid(std::string title, const KinshipReport& report,
                   const std::vector<std::string>& names, Groups groups, double cell_width) {
  HeatGrid grid{std::move(title), {}, {}, {}, cell_width, false};
  for (const NamedSimilarity& each : report.pairs.front().*groups) {
    grid.columns.push_back(each.name);
  }
  for (const PairKinship& pair : report.pairs) {
    grid.rows.push_back(names[pair.a] + " × " + names[pair.b]);
    std::vector<std::optional<double>>& values = grid.values.emplace_back();
    for (const NamedSimilarity& each : pair.*groups) values.push_back(each.similarity.cosine);
  }
  return grid;
}

}  // namespace

std::string kinship_svg(const KinshipReport& report, const std::string& base,
                        const std::vector<std::string>& models) {
  const std::vector<std::string> names = short_names(models);
  std::vector<HeatGrid> grids{model_grid(report, names)};
  if (!report.pairs.empty()) {
    constexpr double kKindWidth = 78;
    grids.push_back(pair_grid("By kind of module", report, names, &PairKinship::kinds, kKindWidth));
    const std::size_t layers = report.pairs.front().layers.size();
    const double layer_width = layers <= 12 ? 50 : layers <= 40 ? 30 : 22;
    grids.push_back(pair_grid("By layer", report, names, &PairKinship::layers, layer_width));
  }
  return heat_map_svg("Model kinship", "cosine of the parameter deltas from " + base, grids);
}

}  // namespace vlm
