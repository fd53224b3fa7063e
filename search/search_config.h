#pragma once

// SEARCH.yaml: a recipe with genes, an optimiser, objectives, and the models to compare with.
// docs/search.md describes the file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "eval/compare.h"
#include "tensor/weight_matrix.h"

namespace vlm {

// A benchmark's metric that enters a weighted mean.
struct Objective {
  std::string benchmark;  // NAME[/SPLIT][=PATH]
  std::string metric;
  double weight = 1.0;
  std::size_t limit = 0;  // first items only; 0: all
};

// A benchmark's metric as a column of the result table.
struct TestColumn {
  std::string reference;   // NAME[/SPLIT][=PATH]
  BenchmarkMetric column;  // NAME/SPLIT and metric
};

// What a row of the result table stands for.
enum class ComparisonRole : std::uint8_t { kParent, kControl, kUniform, kUntuned, kEvolved };
std::string to_string(ComparisonRole role);
// Throws Error{kInvalidArgument} for another name, with the nearest one.
ComparisonRole comparison_role(const std::string& name, const std::string& where);

// A model to measure on the test benchmarks beside the evolved one.
struct ComparedModel {
  std::string name;
  ComparisonRole role = ComparisonRole::kParent;
  std::string model;   // directory or hub id; empty: `recipe`
  std::string recipe;  // YAML text
};

struct OptimizerSettings {
  std::string name = "cma-es";
  std::size_t population = 0;  // 0: 4 + floor(3 ln n)
  double sigma = 1.0 / 6.0;    // as a fraction of each gene's range
  std::size_t trials = 100;
  std::uint64_t seed = 42;
};

struct SearchConfig {
  std::string where;             // file name for messages
  std::filesystem::path folder;  // of the file
  std::string text;              // as written
  std::string study;
  YAML::Node recipe;
  OptimizerSettings optimizer;
  std::vector<Objective> objectives;
  double holdout = 0.0;          // share of each objective's items kept for the final choice
  std::vector<TestColumn> test;  // measured once, at the end
  std::vector<ComparedModel> compare;
  std::optional<std::filesystem::path> output;    // where the best model goes
  WeightFormat weights = WeightFormat::kFloat32;  // of every model that is run; not in the file
  std::optional<std::size_t> memory_bytes;        // that the run may take; not in the file
};

// Unknown keys are refused, with the nearest known one. Throws Error{kInvalidArgument, kNotFound,
// kIo}.
SearchConfig parse_search_config(const std::string& yaml_text, const std::filesystem::path& file);
SearchConfig read_search_config(const std::filesystem::path& file);

}  // namespace vlm
