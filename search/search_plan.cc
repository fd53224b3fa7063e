#include "search/search_plan.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "merge/component.h"
#include "merge/recipe_parser.h"
#include "merge/yaml_fields.h"
#include "search/optimizer_choice.h"

namespace vlm {
namespace {

std::optional<YAML::Node> first_of(const YAML::Node& list) {
  if (!list.IsDefined() || !list.IsSequence() || list.size() == 0 || !list[0].IsMap()) return {};
  return list[0];
}

// The first model of `models`, `path`, `slices`, `components` or `modules`.
std::optional<YAML::Node> first_model(const YAML::Node& recipe) {
  auto source = first_of(recipe["models"]);
  if (const auto hop = first_of(recipe["path"])) source = hop;
  if (const auto slice = first_of(recipe["slices"])) source = first_of((*slice)["sources"]);
  if (source && (*source)["model"].IsDefined()) return (*source)["model"];
  for (const char* key : {"components", "modules"}) {
    if (!recipe[key].IsDefined() || !recipe[key].IsMap()) continue;
    for (const auto& component : recipe[key]) {
      if (!component.second.IsMap()) continue;
      if (auto model = first_model(component.second)) return model;
    }
  }
  return {};
}

// The model that gives the result its number of layers: the VLM, else the base, else the first.
std::string donor_name(const YAML::Node& recipe, const std::string& where) {
  for (const char* key : {"vlm", "base_model"}) {
    if (recipe[key]) return yaml_text(recipe[key], where, key);
  }
  if (const auto model = first_model(recipe)) return yaml_text(*model, where, "model");
  fail_at(recipe, where, "a recipe to search needs 'vlm', 'base_model' or a model", "none");
}

SearchSpace space_of(const RecipeTemplate& recipe) {
  SearchSpace space;
  for (const Gene& gene : recipe.genes()) {
    space.dimensions.push_back({gene.name, gene.low, gene.high, gene.initial});
  }
  return space;
}

LayerCounts layers_of(const ModelConfig& config) {
  return {config.num_layers(), config.is_vlm() ? config.vision().size("num_hidden_layers") : 0};
}

// Whether some gene may change a tensor of that component.
bool genes_reach(Component component, const RecipeTemplate& recipe, const MergePlan& first_merge) {
  const auto reaches = [&](const Gene& gene) {
    return !gene.component || gene.component == component;
  };
  return std::ranges::any_of(recipe.genes(), reaches) &&
         std::ranges::any_of(first_merge.tensors, [&](const TensorPlan& tensor) {
           return !tensor.is_copy && component_of(tensor.output.name) == component;
         });
}

FeatureChanges feature_changes(const RecipeTemplate& recipe, const MergePlan& first_merge) {
  if (genes_reach(Component::kVision, recipe, first_merge)) return FeatureChanges::kTower;
  return genes_reach(Component::kProjector, recipe, first_merge) ? FeatureChanges::kProjector
                                                                 : FeatureChanges::kNone;
}

}  // namespace

std::string recipe_of(const RecipeTemplate& recipe, const std::map<std::string, double>& parameters,
                      const std::string& where) {
  std::vector<double> values;
  for (const Gene& gene : recipe.genes()) {
    const auto found = parameters.find(gene.name);
    if (found == parameters.end()) {
      throw Error(ErrorCode::kCorruptFile, "a trial lacks a gene: " + where + ": " + gene.name);
    }
    values.push_back(found->second);
  }
  return recipe.fill_in(values);
}

SearchPlan plan_search(const SearchConfig& config, ModelPool& models) {
  const std::shared_ptr<const Checkpoint> donor = models(donor_name(config.recipe, config.where));
  RecipeTemplate recipe(config.recipe, layers_of(donor->config()), config.where);
  std::map<std::string, double> initial;
  for (const Gene& gene : recipe.genes()) initial[gene.name] = gene.initial;
  parse_recipe(recipe.first_recipe(), config.where);  // names the search file's own lines
  std::string first_recipe = recipe_of(recipe, initial, config.where);
  MergePlan first_merge = make_merge_plan(parse_recipe(first_recipe, config.where), models);
  SearchSpace space = space_of(recipe);
  static_cast<void>(make_optimizer(config.optimizer, space));  // throws before anything is written
  const FeatureChanges changes = feature_changes(recipe, first_merge);
  return {std::move(recipe), std::move(space), std::move(first_recipe), std::move(first_merge),
          changes};
}

}  // namespace vlm
