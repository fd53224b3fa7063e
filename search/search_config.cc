#include "search/search_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.h"
#include "core/files.h"
#include "core/nearest_name.h"
#include "datasets/registry.h"
#include "eval/metrics.h"
#include "merge/recipe_parser.h"
#include "merge/yaml_fields.h"

namespace vlm {
namespace {

const std::array<std::string, 5> kRoleNames{"parent", "control", "uniform", "untuned", "evolved"};

// Numbers of a mapping that may be absent.
double number_or(const YamlFields& fields, const std::string& key, double fallback) {
  return fields.has(key) ? yaml_number(fields.at(key), fields.where(), key) : fallback;
}

std::size_t size_or(const YamlFields& fields, const std::string& key, std::size_t fallback) {
  return fields.has(key) ? yaml_size(fields.at(key), fields.where(), key) : fallback;
}

std::uint64_t seed_or(const YamlFields& fields, std::uint64_t fallback) {
  if (!fields.has("seed")) return fallback;
  const std::string text = fields.text("seed");
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size()) {
    fail_at(fields.at("seed"), fields.where(), "seed must be a whole number below 2^64",
            "'" + text + "'");
  }
  return seed;
}

std::vector<YAML::Node> list_of(const YamlFields& fields, const std::string& key) {
  if (!fields.has(key)) return {};
  const YAML::Node list = fields.at(key);
  if (!list.IsSequence()) fail_at(list, fields.where(), "expected a list", key);
  return {list.begin(), list.end()};
}

// Throws for a benchmark or a metric that is not known, at its line.
void require_known_score(const YamlFields& fields) {
  std::string key = "benchmark";
  try {
    parse_benchmark_reference(fields.text("benchmark"));
    key = "metric";
    parse_metric(fields.text("metric"));
  } catch (const Error& error) {
    fail_at(fields.at(key), fields.where(), "key '" + key + "' cannot be used", error.what());
  }
}

Objective parse_objective(const YAML::Node& node, const std::string& where) {
  const YamlFields fields(node, where, "objective", {"benchmark", "metric", "weight", "limit"});
  Objective objective;
  objective.benchmark = fields.text("benchmark");
  objective.metric = fields.text("metric");
  objective.weight = number_or(fields, "weight", 1.0);
  objective.limit = size_or(fields, "limit", 0);
  if (objective.weight <= 0.0) {
    fail_at(node, where, "weight is not positive", std::to_string(objective.weight));
  }
  require_known_score(fields);
  return objective;
}

std::string name_and_split(const std::string& benchmark) {
  const BenchmarkReference reference = parse_benchmark_reference(benchmark);
  return reference.name + "/" + reference.split;
}

// "NAME/SPLIT METRIC", under which the study keeps an objective's mean.
std::string label(const Objective& objective) {
  return name_and_split(objective.benchmark) + " " + objective.metric;
}

std::vector<Objective> parse_objectives(const YamlFields& fields) {
  std::vector<Objective> objectives;
  for (const YAML::Node& node : list_of(fields, "objectives")) {
    const Objective objective = parse_objective(node, fields.where());
    const auto same = [&](const Objective& other) { return label(other) == label(objective); };
    if (std::any_of(objectives.begin(), objectives.end(), same)) {
      fail_at(node, fields.where(), "objective is there twice", label(objective));
    }
    objectives.push_back(objective);
  }
  return objectives;
}

OptimizerSettings parse_optimizer(const YAML::Node& node, const std::string& where) {
  constexpr std::size_t kSmallestPopulation = 4;
  OptimizerSettings settings;
  const YamlFields fields(node, where, "optimizer",
                          {"name", "population", "sigma", "trials", "seed"});
  if (fields.has("name")) settings.name = fields.text("name");
  if (settings.name != "cma-es" && settings.name != "greedy-soup") {
    fail_at(node, where, "unknown optimizer (known: cma-es, greedy-soup)",
            "'" + settings.name + "'");
  }
  for (const char* const key : {"population", "sigma"}) {
    if (settings.name == "greedy-soup" && fields.has(key)) {
      fail_at(fields.at(key), where, "key of another optimizer than greedy-soup",
              "'" + std::string(key) + "'");
    }
  }
  if (fields.has("population") && fields.text("population") != "auto") {
    settings.population = size_or(fields, "population", 0);
    if (settings.population < kSmallestPopulation) {
      fail_at(node, where, "population is below 4", std::to_string(settings.population));
    }
  }
  settings.sigma = number_or(fields, "sigma", settings.sigma);
  if (settings.sigma <= 0.0 || settings.sigma > 1.0) {
    fail_at(node, where, "sigma is not in (0, 1]", std::to_string(settings.sigma));
  }
  settings.trials = size_or(fields, "trials", settings.trials);
  if (settings.trials == 0) fail_at(node, where, "trials is not positive", "0");
  settings.seed = seed_or(fields, settings.seed);
  return settings;
}

TestColumn parse_test_column(const YAML::Node& node, const std::string& where) {
  const YamlFields fields(node, where, "test", {"benchmark", "metric"});
  const std::string benchmark = fields.text("benchmark");
  const std::string metric = fields.text("metric");
  require_known_score(fields);
  return {benchmark, {name_and_split(benchmark), metric}};
}

// What a search has seen tells nothing about other questions.
std::vector<TestColumn> parse_test(const YamlFields& fields,
                                   const std::vector<Objective>& objectives) {
  std::vector<TestColumn> columns;
  for (const YAML::Node& node : list_of(fields, "test")) {
    TestColumn& test = columns.emplace_back(parse_test_column(node, fields.where()));
    const auto same = [&](const Objective& objective) {
      return name_and_split(objective.benchmark) == test.column.benchmark;
    };
    if (std::any_of(objectives.begin(), objectives.end(), same)) {
      fail_at(node, fields.where(), "test benchmark is an objective of the search",
              test.column.benchmark);
    }
  }
  return columns;
}

ComparedModel parse_compared(const YAML::Node& node, const std::string& where) {
  const YamlFields fields(node, where, "compared model", {"name", "role", "model", "recipe"});
  ComparedModel compared;
  compared.name = fields.text("name");
  compared.role = comparison_role(fields.text("role"), where);
  if (fields.has("model") == fields.has("recipe")) {
    fail_at(node, where, "a compared model needs either 'model' or 'recipe'", compared.name);
  }
  if (fields.has("model")) {
    compared.model = fields.text("model");
  } else {
    compared.recipe = parse_recipe(fields.at("recipe"), where).text;
  }
  return compared;
}

std::vector<ComparedModel> parse_compare(const YamlFields& fields) {
  std::vector<ComparedModel> models;
  for (const YAML::Node& node : list_of(fields, "compare")) {
    const ComparedModel model = parse_compared(node, fields.where());
    const std::string evolved = to_string(ComparisonRole::kEvolved);
    if (model.role == ComparisonRole::kEvolved || model.name == evolved) {
      fail_at(node, fields.where(), "'evolved' is the search's own model", model.name);
    }
    const auto same = [&](const ComparedModel& other) { return other.name == model.name; };
    if (std::any_of(models.begin(), models.end(), same)) {
      fail_at(node, fields.where(), "two compared models have the same name", model.name);
    }
    models.push_back(model);
  }
  return models;
}

void refuse_recipe(const YAML::Node& root, const std::string& where) {
  if (!root.IsMap() || !root["merge_method"].IsDefined() || root["recipe"].IsDefined()) return;
  fail_at(root, where, "not a search file",
          "key 'merge_method' (this is a recipe: use vlm-merge merge)");
}

double parse_holdout(const YAML::Node& node, const std::string& where) {
  constexpr double kLargestHoldout = 0.9;
  const double holdout =
      number_or(YamlFields(node, where, "validation", {"holdout"}), "holdout", 0.0);
  if (holdout < 0.0 || holdout > kLargestHoldout) {
    fail_at(node, where, "holdout is not in [0, 0.9]", std::to_string(holdout));
  }
  return holdout;
}

}  // namespace

std::string to_string(ComparisonRole role) {
  return kRoleNames.at(static_cast<std::size_t>(role));
}

ComparisonRole comparison_role(const std::string& name, const std::string& where) {
  const auto* found = std::find(kRoleNames.begin(), kRoleNames.end(), name);
  if (found == kRoleNames.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                "unknown role: " + where + ": '" + name + "'" + name_hint(name, kRoleNames));
  }
  return static_cast<ComparisonRole>(found - kRoleNames.begin());
}

SearchConfig parse_search_config(const std::string& yaml_text, const std::filesystem::path& file) {
  SearchConfig config;
  config.where = file.string();
  config.folder = file.parent_path();
  config.text = yaml_text;
  const YAML::Node root = parse_yaml(yaml_text, config.where);
  refuse_recipe(root, config.where);
  const YamlFields fields(root, config.where, "search file",
                          {"study", "recipe", "space", "optimizer", "objectives", "validation",
                           "test", "compare", "output"});
  config.study = fields.text("study");
  if (!fields.has("recipe") || !fields.at("recipe").IsMap()) {
    fail_at(root, config.where, "a search needs a recipe", "key 'recipe'");
  }
  config.recipe = fields.at("recipe");
  if (fields.has("space") && fields.text("space") != "parameter") {
    fail_at(fields.at("space"), config.where, "unknown search space (known: parameter)",
            fields.text("space"));
  }
  if (fields.has("optimizer")) {
    config.optimizer = parse_optimizer(fields.at("optimizer"), config.where);
  }
  config.objectives = parse_objectives(fields);
  if (config.objectives.empty()) fail_at(root, config.where, "a search needs objectives", "none");
  if (fields.has("validation")) {
    config.holdout = parse_holdout(fields.at("validation"), config.where);
  }
  config.test = parse_test(fields, config.objectives);
  config.compare = parse_compare(fields);
  if (fields.has("output")) config.output = fields.text("output");
  return config;
}

SearchConfig read_search_config(const std::filesystem::path& file) {
  return parse_search_config(read_text_file(file), file);
}

}  // namespace vlm
