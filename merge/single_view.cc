#include "merge/single_view.h"

#include <utility>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

void set_architecture(Json& config) {
  config["architectures"] = Json::array({"LlavaForConditionalGeneration"});
  config["model_type"] = "llava";
}

// True if something changed.
bool name_single_view_processors(Json& json) {
  bool changed = false;
  if (json.value("processor_class", Json()) == "LlavaNextProcessor") {
    json["processor_class"] = "LlavaProcessor";
    changed = true;
  }
  const Json type = json.value("image_processor_type", Json());
  if (type.is_string() && type.get<std::string>().starts_with("LlavaNextImageProcessor")) {
    json["image_processor_type"] = "CLIPImageProcessor";
    changed = true;
  }
  // Only LLaVA 1.6's processor has these two: tiles, and empty ones to fill a batch.
  if (json.contains("image_grid_pinpoints")) {
    json.erase("image_grid_pinpoints");
    json.erase("do_pad");
    changed = true;
  }
  // transformers 5 writes the image processor into processor_config.json.
  if (json.contains("image_processor") && json["image_processor"].is_object()) {
    changed = name_single_view_processors(json["image_processor"]) || changed;
  }
  return changed;
}

}  // namespace

ModelConfig single_view_config(ModelConfig config) {
  if (config.family != ModelFamily::kLlavaNext) {
    throw Error(ErrorCode::kInvalidArgument, "'views: single' is for models of LLaVA 1.6: " +
                                                 config.where + ": " + config.architecture);
  }
  set_architecture(config.json);
  config.family = ModelFamily::kLlava;
  if (config.is_original_llava()) {
    // Of the values that mean one view "square" is the one for the image processor's own.
    config.original["image_aspect_ratio"] = "square";
    config.original["mm_patch_merge_type"] = "flat";  // needs no image_newline
    return config;
  }
  set_architecture(config.original);
  config.architecture = "LlavaForConditionalGeneration";
  return config;
}

bool is_of_tiles(std::string_view name) noexcept {
  return name == "projector/image_newline";
}

std::map<std::string, std::string> single_view_side_files(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const char* name :
       {"preprocessor_config.json", "processor_config.json", "tokenizer_config.json"}) {
    const std::filesystem::path file = directory / name;
    if (!std::filesystem::exists(file)) continue;
    Json json = read_json_file(file);
    if (json.is_object() && name_single_view_processors(json)) files[name] = json.dump(2) + "\n";
  }
  return files;
}

}  // namespace vlm
