#include "checkpoint/original_llava.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "checkpoint/model_location.h"
#include "core/error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(ErrorCode code, const JsonFields& config, const std::string& what) {
  throw Error(code, "original LLaVA: " + config.where() + ": " + what);
}

// The value of `key`, or `fallback`, which must be one of `known`.
std::string choice(const JsonFields& config, const char* key, const std::string& fallback,
                   const std::vector<std::string>& known) {
  std::string value = config.text_or(key, fallback);
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    fail(ErrorCode::kUnsupported, config,
         std::string(key) + " '" + value + "' (known: " + list + ")");
  }
  return value;
}

// `vision_config` of a whole CLIP model, or the config of its vision tower alone.
Json vision_config(const JsonFields& config, const JsonFields& tower) {
  const std::string type = tower.text_or("model_type", "");
  if (type != "clip" && type != "clip_vision_model") {
    throw Error(ErrorCode::kUnsupported, "vision tower of an original LLaVA that is no CLIP: " +
                                             tower.where() + ": model_type '" + type + "'");
  }
  const JsonFields vision = type == "clip" ? tower.object("vision_config") : tower;
  Json json = vision.json();
  json["model_type"] = "clip_vision_model";
  constexpr std::size_t kDefaultHiddenSize = 768;  // of CLIPVisionConfig
  const std::size_t hidden = vision.size_or("hidden_size", kDefaultHiddenSize);
  const std::size_t expected = config.size_or("mm_hidden_size", hidden);
  if (hidden != expected) {
    fail(ErrorCode::kCorruptFile, config,
         "mm_hidden_size " + std::to_string(expected) + ", but hidden_size " +
             std::to_string(hidden) + " in " + vision.where());
  }
  return json;
}

Json text_config(const JsonFields& config) {
  const bool is_llama =
      architecture_of_original_llava(config.json()) == kOriginalLlavaArchitectures.front();
  Json text = config.json();
  text.erase("architectures");
  text["model_type"] = is_llama ? "llama" : "mistral";
  return text;
}

// What the original program does with these is in none of the released LLaVA 1.5 and 1.6 models.
void refuse_other_inputs(const JsonFields& config) {
  for (const char* const key : {"mm_use_im_start_end", "s2"}) {
    if (config.boolean_or(key, false)) {
      fail(ErrorCode::kUnsupported, config, std::string(key) + " true");
    }
  }
}

bool sees_tiles(const JsonFields& config) {
  const std::string shown =
      choice(config, "image_aspect_ratio", "square", {"square", "pad", "anyres"});
  if (shown != "anyres") return false;
  choice(config, "mm_patch_merge_type", "flat", {"spatial_unpad"});
  return true;
}

}  // namespace

bool is_original_llava(const Json& config) {
  if (!config.is_object()) return false;
  const auto list = config.find("architectures");
  if (list != config.end() && !list->is_null()) {
    return list->is_array() && list->size() == 1 &&
           std::find(kOriginalLlavaArchitectures.begin(), kOriginalLlavaArchitectures.end(),
                     list->front()) != kOriginalLlavaArchitectures.end();
  }
  const Json type = config.value("model_type", Json());
  return type == "llava_llama" || type == "llava_mistral";
}

std::string architecture_of_original_llava(const Json& config) {
  const auto list = config.find("architectures");
  if (list != config.end() && !list->is_null()) return list->front().get<std::string>();
  const bool is_llama = config.at("model_type") == "llava_llama";
  return is_llama ? kOriginalLlavaArchitectures.front() : kOriginalLlavaArchitectures.back();
}

fs::path find_tower_directory(const JsonFields& config, const fs::path& directory) {
  if (names_tower_directory(config, directory)) return directory / config.text("mm_vision_tower");
  return resolve_tower_directory(config.text("mm_vision_tower"),
                                 "vision tower (mm_vision_tower in " + config.where() + ")");
}

bool names_tower_directory(const JsonFields& config, const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / config.text("mm_vision_tower") / "config.json", error);
}

Json hub_config(const JsonFields& config, const JsonFields& tower) {
  refuse_other_inputs(config);
  const bool tiles = sees_tiles(config);
  const std::string features =
      choice(config, "mm_vision_select_feature", "patch", {"patch", "cls_patch"});
  const std::string projector =
      choice(config, "mm_projector_type", "linear", {"linear", "mlp2x_gelu"});
  Json json{{"architectures", Json::array({tiles ? "LlavaNextForConditionalGeneration"
                                                 : "LlavaForConditionalGeneration"})},
            {"model_type", tiles ? "llava_next" : "llava"},
            {"text_config", text_config(config)},
            {"vision_config", vision_config(config, tower)},
            {"mm_projector_type", projector},
            {"projector_hidden_act", "gelu"},
            {"vision_feature_layer", config.number("mm_vision_select_layer")},
            {"vision_feature_select_strategy", features == "patch" ? "default" : "full"}};
  if (tiles && config.has("image_grid_pinpoints")) {
    json["image_grid_pinpoints"] = config.json().at("image_grid_pinpoints");
  }
  return json;
}

}  // namespace vlm
