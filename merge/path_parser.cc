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

void read_hop(const YAML::Node& node, const std::string& where, RecipePath& path,
              RecipeComponent& text) {
  const YamlFields fields(node, where, "an entry of path", {"model", "layer", "scale"});
  if (!fields.has("model")) fail_at(node, where, "an entry of path lacks a key", "'model'");
  RecipeSource source{read_model_name(fields.at("model"), where, nullptr), std::nullopt, {}};
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
  const bool scales_mlps = yaml_word(fields, "scale_of", {"stream", "mlp"}) == "mlp";
  const bool is_evomistral =
      yaml_word(fields, "layout", {"standard", "evomistral"}) == "evomistral";
  path.scaling = scales_mlps ? PathScaling::kMlpOutput : PathScaling::kStream;
  path.layout = is_evomistral ? PathLayout::kEvoMistral : PathLayout::kStandard;
  RecipeComponent text{Component::kText, true, {}, {}};
  for (const YAML::Node& node : list) read_hop(node, fields.where(), path, text);
  recipe.components.push_back(std::move(text));
  recipe.path = std::move(path);
  recipe.vocabulary = VocabularyPolicy::kBase;
}

}  // namespace vlm
