#include "merge/recipe_parser.h"

#include <algorithm>
#include <array>
#include <set>

#include <yaml-cpp/yaml.h>

#include "core/error.h"
#include "core/nearest_name.h"
#include "merge/chat_templates.h"
#include "merge/method.h"
#include "merge/model_name.h"
#include "merge/path_parser.h"
#include "merge/setting_parser.h"
#include "merge/tokenizer_rule_parser.h"
#include "merge/yaml_fields.h"

namespace vlm {
namespace {

std::vector<std::string> known_keys(bool is_path) {
  if (is_path) {
    return {"path",  "scale_of",  "layout",        "base_model", "vlm",     "views",
            "dtype", "out_dtype", "chat_template", "name",       "metadata"};
  }
  return {"models",        "slices",    "modules",      "components", "path",
          "dtype",         "out_dtype", "merge_method", "base_model", "parameters",
          "vlm",           "views",     "embeddings",   "tokenizer",  "tokenizer_source",
          "chat_template", "name",      "metadata",     "unmatched",  "adapter_rank"};
}

class RecipeReader {
 public:
  RecipeReader(std::string where, RecipeDialect dialect)
      : where_(std::move(where)),
        imitates_mergekit_(dialect == RecipeDialect::kMergekit),
        unknown_(imitates_mergekit_ ? &ignored_ : nullptr) {}

  Recipe read(const YAML::Node& root);

 private:
  void read_method(const YamlFields& fields, Recipe& recipe);
  void read_inputs(const YamlFields& fields, Recipe& recipe);
  [[nodiscard]] std::string one_of(const YamlFields& fields, const std::vector<std::string>& keys,
                                   const std::string& what) const;
  [[nodiscard]] Component read_component_name(const YamlEntry& entry, const std::string& key) const;
  [[nodiscard]] RecipeComponent read_component(const YamlFields& fields, Component component);
  [[nodiscard]] RecipeSlice read_slice(const YAML::Node& node);
  [[nodiscard]] RecipeSource read_model(const YAML::Node& node) const;
  [[nodiscard]] RecipeSource read_source(const YAML::Node& node) const;
  [[nodiscard]] ParameterSettings read_parameters(const YamlFields& fields, bool of_model) const {
    return vlm::read_parameters(fields, *method_, of_model, unknown_);
  }
  [[nodiscard]] std::optional<DType> read_dtype(const YamlFields& fields,
                                                const std::string& key) const;
  void read_vocabulary(const YamlFields& fields, Recipe& recipe) const;
  [[nodiscard]] std::optional<VocabularyPolicy> read_policy(const YamlFields& fields) const;
  [[nodiscard]] std::string read_chat_template(const YamlFields& fields) const;

  std::string where_;
  bool imitates_mergekit_;
  IgnoredKeys ignored_;
  IgnoredKeys* unknown_;  // null: unknown keys are errors
  const MergeMethod* method_ = nullptr;
};

void refuse_search_file(const YAML::Node& root, const std::string& where) {
  if (!root.IsMap() || !root["recipe"].IsDefined() || !root["objectives"].IsDefined()) return;
  fail_at(root, where, "not a recipe",
          "keys 'recipe' and 'objectives' (this is a search file: use vlm-merge search)");
}

void refuse_mixture(const YAML::Node& root, const std::string& where) {
  if (!root.IsMap() || !root["experts"].IsDefined()) return;
  fail_at(root["experts"], where, "mixtures of experts are not made",
          "key 'experts' (a recipe of mergekit-moe)");
}

Recipe RecipeReader::read(const YAML::Node& root) {
  refuse_search_file(root, where_);
  refuse_mixture(root, where_);
  const bool is_path = root.IsMap() && root["path"].IsDefined();
  const YamlFields fields(root, where_, is_path ? "a recipe with a path" : "the recipe",
                          known_keys(is_path), unknown_);
  Recipe recipe;
  recipe.where = where_;
  recipe.imitates_mergekit = imitates_mergekit_;
  if (fields.has("name")) recipe.name = fields.text("name");
  read_method(fields, recipe);
  if (fields.has("base_model"))
    recipe.base_model = read_model_name(fields.at("base_model"), where_, unknown_);
  if (fields.has("vlm")) recipe.vlm = read_model_name(fields.at("vlm"), where_, unknown_);
  if (is_path) {
    read_layer_path(fields, recipe);
  } else {
    read_inputs(fields, recipe);
    recipe.parameters = read_parameters(fields, false);
  }
  recipe.dtype = read_dtype(fields, "dtype");
  recipe.out_dtype = read_dtype(fields, "out_dtype");
  read_vocabulary(fields, recipe);
  if (fields.has("chat_template")) recipe.chat_template = read_chat_template(fields);
  if (fields.has("adapter_rank")) {
    recipe.adapter_rank = yaml_size(fields.at("adapter_rank"), where_, "adapter_rank");
    if (recipe.adapter_rank == 0) {
      fail_at(fields.at("adapter_rank"), where_, "adapter_rank must be at least 1", "0");
    }
  }
  recipe.single_view = yaml_word(fields, "views", {"single"}) == "single";
  recipe.copies_unmatched = yaml_word(fields, "unmatched", {"error", "copy_base"}) == "copy_base";
  recipe.warnings = ignored_.warnings();
  return recipe;
}

// Layers along a path pass through.
void RecipeReader::read_method(const YamlFields& fields, Recipe& recipe) {
  if (fields.has("path")) {
    recipe.merge_method = "passthrough";
    return;
  }
  recipe.merge_method = fields.text("merge_method");
  method_ = &find_merge_method(recipe.merge_method, yaml_place(fields.at("merge_method"), where_));
}

// The text alone, or components by name: ours, or those of mergekit's modules.
void RecipeReader::read_inputs(const YamlFields& fields, Recipe& recipe) {
  const std::string key = one_of(fields, {"models", "slices", "components", "modules"}, "a recipe");
  if (key == "models" || key == "slices") {
    recipe.components.push_back(read_component(fields, Component::kText));
    return;
  }
  const YAML::Node map = fields.at(key);
  if (!map.IsMap() || map.size() == 0) {
    fail_at(map, where_, key + " must be a mapping", "no entries");
  }
  for (const YamlEntry& entry : yaml_entries(map, where_)) {
    const YamlFields inputs(entry.value, where_, "an entry of " + key,
                            {"models", "slices", "parameters"}, unknown_);
    recipe.components.push_back(read_component(inputs, read_component_name(entry, key)));
    recipe.components.back().parameters = read_parameters(inputs, false);
  }
  std::ranges::stable_sort(recipe.components, {}, &RecipeComponent::component);
  const auto twice = std::ranges::adjacent_find(recipe.components, {}, &RecipeComponent::component);
  if (twice != recipe.components.end()) {
    fail_at(map, where_, "a component is there twice", std::string(to_string(twice->component)));
  }
}

// Which of the keys is there.
std::string RecipeReader::one_of(const YamlFields& fields, const std::vector<std::string>& keys,
                                 const std::string& what) const {
  std::string all;
  std::vector<std::string> seen;
  for (const std::string& key : keys) {
    all += (all.empty() ? "'" : key == keys.back() ? " or '" : ", '") + key + "'";
    if (fields.has(key)) seen.push_back(key);
  }
  if (seen.size() == 1) return seen.front();
  fail_at(fields.node(), where_, what + " has one of " + all,
          seen.empty() ? "none" : "'" + seen[0] + "' and '" + seen[1] + "'");
}

Component RecipeReader::read_component_name(const YamlEntry& entry, const std::string& key) const {
  const bool is_ours = key == "components";
  const auto found = is_ours ? find_component(entry.key) : find_component_of_module(entry.key);
  if (found) return *found;
  std::string valid;
  for (const std::string& name : is_ours ? component_names() : module_names()) {
    valid += (valid.empty() ? "" : ", ") + name;
  }
  fail_at(entry.key_node, where_, "unknown name in " + key, "'" + entry.key + "' (" + valid + ")");
}

RecipeComponent RecipeReader::read_component(const YamlFields& fields, Component component) {
  const std::string key = one_of(fields, {"models", "slices"}, std::string(to_string(component)));
  const YAML::Node list = fields.at(key);
  if (!list.IsSequence() || list.size() == 0) {
    fail_at(list, where_, key + " must be a list", "no entries");
  }
  RecipeComponent made{component, key == "slices", {}, {}};
  if (made.is_stack) {
    for (const YAML::Node& slice : list) made.slices.push_back(read_slice(slice));
    return made;
  }
  RecipeSlice all;
  for (const YAML::Node& model : list) all.sources.push_back(read_model(model));
  made.slices.push_back(std::move(all));
  return made;
}

RecipeSlice RecipeReader::read_slice(const YAML::Node& node) {
  const YamlFields fields(node, where_, "a slice",
                          {"sources", "base_model", "residual_weight", "parameters"}, unknown_);
  const YAML::Node sources = fields.at("sources");
  if (!sources.IsDefined() || !sources.IsSequence() || sources.size() == 0) {
    fail_at(node, where_, "a slice needs a list 'sources'", "none");
  }
  RecipeSlice slice;
  for (const YAML::Node& source : sources) slice.sources.push_back(read_source(source));
  slice.parameters = read_parameters(fields, false);
  if (fields.has("base_model")) {
    slice.base_model = read_model_name(fields.at("base_model"), where_, unknown_);
  }
  if (fields.has("residual_weight")) {  // mergekit reads it and does not use it
    ignored_.add(fields.at("residual_weight"), where_, "residual_weight");
  }
  return slice;
}

RecipeSource RecipeReader::read_model(const YAML::Node& node) const {
  const YamlFields fields(node, where_, "an entry of models", {"model", "parameters"}, unknown_);
  if (!fields.has("model")) fail_at(node, where_, "an entry of models lacks a key", "'model'");
  return {read_model_name(fields.at("model"), where_, unknown_), std::nullopt,
          read_parameters(fields, true)};
}

RecipeSource RecipeReader::read_source(const YAML::Node& node) const {
  const YamlFields fields(node, where_, "a slice's source", {"model", "layer_range", "parameters"},
                          unknown_);
  for (const char* const key : {"model", "layer_range"}) {
    if (!fields.has(key)) {
      fail_at(node, where_, "a slice's source lacks a key", std::string("'") + key + "'");
    }
  }
  return {read_model_name(fields.at("model"), where_, unknown_),
          read_layer_range(fields.at("layer_range"), where_, "layer_range"),
          read_parameters(fields, true)};
}

std::optional<DType> RecipeReader::read_dtype(const YamlFields& fields,
                                              const std::string& key) const {
  if (!fields.has(key)) return std::nullopt;
  const std::string name = fields.text(key);
  const std::optional<DType> dtype = dtype_from_torch_name(name);
  const bool offered = dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
  if (!offered) {
    fail_at(fields.at(key), where_, key + " must be float32, bfloat16 or float16",
            "'" + name + "'");
  }
  return dtype;
}

// At most one of three keys says what happens to vocabularies.
void RecipeReader::read_vocabulary(const YamlFields& fields, Recipe& recipe) const {
  const char* said = nullptr;
  for (const char* const key : {"embeddings", "tokenizer_source", "tokenizer"}) {
    if (!fields.has(key)) continue;
    if (said != nullptr) {
      fail_at(fields.at(key), where_, "vocabularies are said twice",
              "'" + std::string(said) + "' and '" + key + "'");
    }
    said = key;
  }
  if (fields.has("tokenizer")) {
    recipe.tokenizer = read_tokenizer_rule(fields.at("tokenizer"), where_, unknown_);
  } else if (fields.has("tokenizer_source")) {
    recipe.tokenizer = read_tokenizer_source(fields.at("tokenizer_source"), where_, unknown_);
  } else if (fields.has("embeddings")) {
    const auto policy = read_policy(fields);
    if (!policy) recipe.tokenizer = TokenizerRule{};
    recipe.vocabulary = policy.value_or(VocabularyPolicy::kError);
  } else if (fields.has("vlm") && !recipe.path) {
    recipe.vocabulary = VocabularyPolicy::kCommonRows;
  }
}

// Nothing for "union", which is a tokenizer rule.
std::optional<VocabularyPolicy> RecipeReader::read_policy(const YamlFields& fields) const {
  const YamlFields embeddings(fields.at("embeddings"), where_, "embeddings", {"policy"}, unknown_);
  const std::string policy = embeddings.text("policy");
  if (policy == "union") return std::nullopt;
  for (const VocabularyPolicy each :
       {VocabularyPolicy::kError, VocabularyPolicy::kCommonRows, VocabularyPolicy::kBase}) {
    if (policy == to_string(each)) return each;
  }
  fail_at(
      embeddings.at("policy"), where_, "unknown vocabulary policy",
      "'" + policy + "'" +
          name_hint(policy, std::array<std::string, 4>{"error", "common-rows", "base", "union"}));
}

std::string RecipeReader::read_chat_template(const YamlFields& fields) const {
  std::string text = fields.text("chat_template");
  if (text == "auto" || is_chat_template_name(text) || looks_like_chat_template(text)) return text;
  fail_at(fields.at("chat_template"), where_,
          "chat_template is neither auto, nor a known name, nor a template",
          "'" + text + "'" + name_hint(text, chat_template_names()));
}

Recipe read_recipe(const YAML::Node& root, const std::string& where, std::string text,
                   RecipeDialect dialect) {
  try {
    Recipe recipe = RecipeReader(where, dialect).read(root);
    recipe.text = std::move(text);
    return recipe;
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kInvalidArgument, "YAML cannot be read: " + where + ": " + error.msg);
  }
}

constexpr std::size_t kMostDocuments = 64;

void require_distinct_names(const std::vector<Recipe>& recipes) {
  std::set<std::string> names;
  for (const Recipe& recipe : recipes) {
    if (names.insert(recipe.name).second) continue;
    throw Error(
        ErrorCode::kInvalidArgument,
        "documents of a recipe need different names: " + recipe.where + ": " +
            (recipe.name.empty() ? "two have none" : "'" + recipe.name + "' is there twice"));
  }
}

}  // namespace

std::vector<Recipe> parse_recipe_documents(const std::string& yaml_text, const std::string& where,
                                           RecipeDialect dialect) {
  std::vector<Recipe> recipes;
  for (const YAML::Node& root : parse_yaml_documents(yaml_text, where, kMostDocuments)) {
    if (!root.IsNull()) recipes.push_back(read_recipe(root, where, yaml_text, dialect));
  }
  if (recipes.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "a recipe is wanted: " + where + ": none");
  }
  require_distinct_names(recipes);
  return recipes;
}

Recipe parse_recipe(const std::string& yaml_text, const std::string& where, RecipeDialect dialect) {
  return read_recipe(parse_yaml(yaml_text, where), where, yaml_text, dialect);
}

Recipe parse_recipe(const YAML::Node& root, const std::string& where) {
  return read_recipe(root, where, YAML::Dump(root) + "\n", RecipeDialect::kOwn);
}

}  // namespace vlm
