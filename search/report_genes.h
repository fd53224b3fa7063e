#pragma once

// The numbers of a trial as small bar charts.

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace vlm {

// A gene's name taken apart: "ja.attention.3" is {ja, attention, 3}, "ja.rest" {ja, rest, -},
// "ja.3" {ja, "", 3}.
struct GeneName {
  std::string model;
  std::string module;
  std::optional<std::size_t> layer;
};
GeneName split_gene_name(const std::string& name);

// One SVG for each model and module with a bar for each layer, and one for each model with the
// numbers that belong to no layer. All have the same axis. `parameters` is gene name to value.
std::string gene_charts(const std::map<std::string, double>& parameters);

}  // namespace vlm
