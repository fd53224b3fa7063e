#include "merge/merged_config.h"

#include <string>

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

void apply(Json& config, bool is_vlm, const ConfigChanges& changes) {
  if (changes.num_layers) text_part(config, is_vlm)["num_hidden_layers"] = *changes.num_layers;
  if (changes.dtype) set_dtype(config, *changes.dtype);
  if (changes.unties_head) {
    config["tie_word_embeddings"] = false;
    text_part(config, is_vlm)["tie_word_embeddings"] = false;
  }
}

}  // namespace

ModelConfig change_config(ModelConfig config, const ConfigChanges& changes) {
  apply(config.json, config.is_vlm(), changes);
  apply(config.original, config.is_vlm(), changes);
  return config;
}

}  // namespace vlm
