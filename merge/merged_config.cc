#include "merge/merged_config.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

Json& text_part(Json& config, bool is_vlm) {
  return is_vlm ? config["text_config"] : config;
}

void set_dtype(Json& config, DType dtype) {
  const std::string name(torch_name(dtype));
  if (!config.contains("torch_dtype") && !config.contains("dtype")) config["torch_dtype"] = name;
  for (const char* const part : {"", "text_config", "vision_config"}) {
    const bool is_nested = *part != '\0';
    if (is_nested && !config.contains(part)) continue;
    Json& object = is_nested ? config[part] : config;
    for (const char* const key : {"torch_dtype", "dtype"}) {
      if (object.contains(key)) object[key] = name;
    }
  }
}

// `layer_types` and `max_window_layers` tell layers apart by their place, which a stack changes.
void set_num_layers(Json& text, std::size_t num_layers, const std::string& where) {
  text["num_hidden_layers"] = num_layers;
  const auto types = text.find("layer_types");
  if (types != text.end() && types->is_array() && !types->empty()) {
    const Json type = types->front();
    if (std::all_of(types->begin(), types->end(), [&](const Json& t) { return t == type; })) {
      *types = Json::array();
      for (std::size_t i = 0; i < num_layers; ++i) types->push_back(type);
      return;
    }
  } else if (!JsonFields(text, where).boolean_or("use_sliding_window", false)) {
    return;
  }
  throw Error(ErrorCode::kUnsupported,
              "another number of layers where some have a sliding window: " + where +
                  ": num_hidden_layers = " + std::to_string(num_layers));
}

void apply(Json& config, bool is_vlm, const ConfigChanges& changes, const std::string& where) {
  if (changes.num_layers) set_num_layers(text_part(config, is_vlm), *changes.num_layers, where);
  if (changes.dtype) set_dtype(config, *changes.dtype);
  if (changes.unties_head) {
    config["tie_word_embeddings"] = false;
    text_part(config, is_vlm)["tie_word_embeddings"] = false;
  }
}

}  // namespace

ModelConfig change_config(ModelConfig config, const ConfigChanges& changes) {
  apply(config.json, config.is_vlm(), changes, config.where);
  apply(config.original, config.is_vlm(), changes, config.where);
  return config;
}

}  // namespace vlm
