#include "merge/path_slices.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "merge/path_folding.h"

namespace vlm {
namespace {

constexpr const char* kEvoMistral = "EvoMistralForCausalLM";

// Where the released model's code is, in its repository on the hub.
constexpr const char* kCodeOfConfig =
    "SakanaAI/EvoLLM-JP-v1-10B--configuration_evomistral.EvoMistralConfig";
constexpr const char* kCodeOfModel =
    "SakanaAI/EvoLLM-JP-v1-10B--modeling_evomistral.EvoMistralForCausalLM";

std::string scaling_of(const ModelConfig& config) {
  return config.text().text_or("input_scales_of", "mlp");
}

// Of the first hop both kinds of scales multiply the embedding.
bool depends_on_scaling(const std::vector<PathHop>& hops) {
  return std::any_of(hops.begin() + 1, hops.end(),
                     [](const PathHop& hop) { return hop.scale != 1; });
}

// The list under `key`, as checkpoint/layer_path_tensors.h makes it.
Json list_of(const ModelConfig& config, const char* key) {
  Json list = config.json.value(key, Json::array());
  const bool has_numbers = list.is_array() && std::ranges::all_of(list, [](const Json& each) {
                             return each.is_number() && each >= -1e30 && each <= 1e30;
                           });
  if (has_numbers) return list;
  throw Error(ErrorCode::kCorruptFile, "expected a list of numbers: " + config.where + ": " + key);
}

std::vector<PathHop> own_path(const PlanInput& input, std::size_t index) {
  const ModelConfig& config = input.checkpoint->config();
  const Json layers = list_of(config, "input_layers");
  const Json scales = list_of(config, "input_scales");
  if (layers.empty() || (!scales.empty() && scales.size() != layers.size())) {
    throw Error(ErrorCode::kCorruptFile,
                "expected one layer and one scale for each hop: " + config.where + ": " +
                    std::to_string(layers.size()) + " and " + std::to_string(scales.size()));
  }
  std::vector<PathHop> hops;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto layer = layers[i].get<double>();
    if (!(layer >= 0 && layer < static_cast<double>(config.num_layers())) ||
        layer != std::floor(layer)) {
      throw Error(ErrorCode::kCorruptFile,
                  "path leads to a layer that is not there: " + config.where +
                      ": input_layers: " + json_line(layers[i]));
    }
    hops.push_back(
        {index, static_cast<std::size_t>(layer), scales.empty() ? 1.0 : scales[i].get<double>()});
  }
  return hops;
}

std::vector<double> scales_of(const std::vector<PathHop>& hops) {
  std::vector<double> scales;
  scales.reserve(hops.size());
  for (const PathHop& hop : hops) scales.push_back(hop.scale);
  return scales;
}

// In both forms of a config.
template <typename Change>
void change_both(ModelConfig& config, const Change& change) {
  change(config.json);
  change(config.original);
}

void make_standard(ModelConfig& config) {
  if (!config.has_layer_path()) return;
  config.architecture = "MistralForCausalLM";
  change_both(config, [&](Json& json) {
    json["architectures"] = {config.architecture};
    json["model_type"] = "mistral";
    for (const char* const key :
         {"num_hops", "input_layers", "input_scales", "input_scales_of", "auto_map", "use_cache"}) {
      json.erase(key);
    }
  });
}

}  // namespace

std::vector<PathHop> hops_of_model(const PlanInput& input, std::size_t index, double scale,
                                   PathScaling scaling) {
  const ModelConfig& config = input.checkpoint->config();
  std::vector<PathHop> hops;
  if (config.has_layer_path()) {
    hops = own_path(input, index);
    const std::string of_recipe = scaling == PathScaling::kMlpOutput ? "mlp" : "stream";
    if (depends_on_scaling(hops) && scaling_of(config) != of_recipe) {
      throw Error(ErrorCode::kInvalidArgument,
                  "scales of a data-flow model are of another kind than the recipe's: " +
                      input.name + ": " + scaling_of(config) + ", but the recipe's are of " +
                      of_recipe + " (scale_of: " + scaling_of(config) + ")");
    }
  } else {
    for (std::size_t layer = 0; layer < config.num_layers(); ++layer) {
      hops.push_back({index, layer, 1});
    }
  }
  hops.front().scale *= scale;
  return hops;
}

PathSlices::PathSlices(const Recipe& recipe, std::vector<PathHop> hops)
    : path_(*recipe.path), hops_(std::move(hops)) {
  if (path_.layout == PathLayout::kStandard) {
    layers_ = hops_;
    FoldedScales folded = fold_scales(scales_of(hops_), path_.scaling, recipe.where);
    settings_ = std::move(folded.layers);
    outer_settings_ = std::move(folded.outer);
    return;
  }
  for (const PathHop& hop : hops_) {
    const auto found = std::ranges::find_if(layers_, [&](const PathHop& stored) {
      return stored.input == hop.input && stored.layer == hop.layer;
    });
    layer_of_hop_.push_back(static_cast<std::size_t>(found - layers_.begin()));
    if (found == layers_.end()) layers_.push_back(hop);
  }
  settings_.resize(layers_.size());
}

ComponentSlices PathSlices::text(std::size_t donor) const {
  ComponentSlices made{Component::kText, {}, nullptr};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const LayerRange layers{layers_[i].layer, layers_[i].layer + 1};
    made.slices.push_back({{{layers_[i].input, layers, &settings_[i]}}, nullptr});
  }
  made.outer = Slice{{{donor, {}, &outer_settings_}}, nullptr};
  return made;
}

ModelConfig PathSlices::result_config(ModelConfig config) const {
  if (path_.layout == PathLayout::kStandard) {
    make_standard(config);
    return config;
  }
  if (config.architecture != "MistralForCausalLM" && !config.has_layer_path()) {
    throw Error(ErrorCode::kUnsupported,
                "the evomistral layout is one of Mistral language models: " + config.where + ": " +
                    config.architecture);
  }
  config.architecture = kEvoMistral;
  change_both(config, [&](Json& json) {
    json["architectures"] = {kEvoMistral};
    json["model_type"] = "evomistral";
    json["num_hops"] = hops_.size();
    json["use_cache"] = false;
    for (const char* const key : {"input_layers", "input_scales", "input_scales_of"}) {
      json.erase(key);
    }
    if (is_unknown_to_released_code()) json["input_scales_of"] = "stream";
    json["auto_map"] = {{"AutoConfig", kCodeOfConfig}, {"AutoModelForCausalLM", kCodeOfModel}};
  });
  Json scales = Json::array();
  for (const PathHop& hop : hops_) scales.push_back(static_cast<float>(hop.scale));
  config.json["input_layers"] = layer_of_hop_;
  config.json["input_scales"] = std::move(scales);
  return config;
}

bool PathSlices::is_unknown_to_released_code() const {
  return path_.scaling == PathScaling::kStream && depends_on_scaling(hops_);
}

std::vector<std::string> PathSlices::warnings() const {
  if (path_.layout == PathLayout::kEvoMistral) {
    if (!is_unknown_to_released_code()) return {};
    return {
        "only this program follows scales of the stream in the evomistral layout; the released "
        "model's own code scales outputs of MLPs (scale_of: mlp)"};
  }
  std::string warning = folding_warning(scales_of(hops_), path_.scaling);
  if (warning.empty()) return {};
  return {std::move(warning)};
}

}  // namespace vlm
