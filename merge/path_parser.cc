#include "merge/path_parser.h"

#include <cmath>
#include <string>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "merge/model_name.h"

namespace vlm {
namespace {

constexpr std::size_t kMostEntries = 1024;
constexpr double kLargestScale = 1e30;  // float32 holds it

// The value of an optional key that is one of two words; the first stands for an absent key.
template <typename Value>
Value one_of_two(const YamlFields& fields, const std::string& key,
                 const std::pair<const char*, Value>& first,
                 const std::pair<const char*, Value>& second) {
  if (!fields.has(key)) return first.second;
  const std::string word = fields.text(key);
  if (word == first.first) return first.second;
  if (word == second.first) return second.second;
  fail_at(fields.at(key), fields.where(),
          key + " must be '" + first.first + "' or '" + second.first + "'", "'" + word + "'");
}

void read_hop(const YAML::Node& node, const std::string& where, RecipePath& path,
              RecipeComponent& text) {
  const YamlFields fields(node, where, "an entry of path", {"model", "layer", "scale"});
  if (!fields.has("model")) fail_at(node, where, "an entry of path lacks a key", "'model'");
  RecipeSource source{read_model_name(fields.at("model"), where), std::nullopt, {}};
  if (fields.has("layer")) {
    const std::size_t layer = yaml_size(fields.at("layer"), where, "layer");
    source.layers = LayerRange{layer, layer + 1};
  }
  const double scale = fields.has("scale") ? yaml_number(fields.at("scale"), where, "scale") : 1.0;
  if (std::abs(scale) > kLargestScale) {
    fail_at(fields.at("scale"), where, "scale is out of range (-1e30 to 1e30)",
            fields.at("scale").Scalar());
  }
  path.scales.push_back(scale);
  text.slices.push_back({{std::move(source)}, {}});
}

}  // namespace

void read_layer_path(const YamlFields& fields, Recipe& recipe) {
  const YAML::Node list = fields.at("path");
  if (!list.IsSequence() || list.size() == 0 || list.size() > kMostEntries) {
    fail_at(list, fields.where(),
            "path must be a list of 1 to " + std::to_string(kMostEntries) + " entries",
            list.IsSequence() ? std::to_string(list.size()) : "no list");
  }
  RecipePath path;
  path.scaling = one_of_two<PathScaling>(fields, "scale_of", {"stream", PathScaling::kStream},
                                         {"mlp", PathScaling::kMlpOutput});
  path.layout = one_of_two<PathLayout>(fields, "layout", {"standard", PathLayout::kStandard},
                                       {"evomistral", PathLayout::kEvoMistral});
  RecipeComponent text{Component::kText, true, {}, {}};
  for (const YAML::Node& node : list) read_hop(node, fields.where(), path, text);
  recipe.components.push_back(std::move(text));
  recipe.path = std::move(path);
  recipe.vocabulary = VocabularyPolicy::kBase;
}

}  // namespace vlm
