#include "merge/merged_config.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "merge/ordered_json.h"

namespace vlm {
namespace {

// `is_nested`: the language model has an object of its own.
Json& text_part(Json& config, bool is_nested) {
  return is_nested ? config["text_config"] : config;
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

void set_everywhere(Json& config, bool is_nested, const char* key, const Json& value) {
  text_part(config, is_nested)[key] = value;
  if (is_nested && config.contains(key)) config[key] = value;
}

void apply(Json& config, bool is_nested, const ConfigChanges& changes, const std::string& where) {
  if (changes.num_layers) set_num_layers(text_part(config, is_nested), *changes.num_layers, where);
  if (changes.dtype) set_dtype(config, *changes.dtype);
  if (changes.unties_head) {
    config["tie_word_embeddings"] = false;
    text_part(config, is_nested)["tie_word_embeddings"] = false;
  }
  if (changes.vocab_size) set_everywhere(config, is_nested, "vocab_size", *changes.vocab_size);
  for (const auto& entry : changes.token_ids.items()) {
    set_everywhere(config, is_nested, entry.key().c_str(), entry.value());
  }
}

void apply_tower(ModelConfig& config, const ConfigChanges& changes) {
  if (changes.tower_name) config.original["mm_vision_tower"] = *changes.tower_name;
  if (!changes.owns_tower) return;
  config.original["unfreeze_mm_vision_tower"] = true;
  config.borrows_tower = false;
}

}  // namespace

Json token_ids_of(const ModelConfig& config) {
  Json ids = Json::object();
  const JsonFields text = config.text();
  for (const char* const key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (text.has(key)) ids[key] = text.json().at(key);
  }
  return ids;
}

ModelConfig change_config(ModelConfig config, const ConfigChanges& changes) {
  apply(config.json, config.is_vlm(), changes, config.where);
  apply(config.original, config.is_vlm() && !config.is_original_llava(), changes, config.where);
  apply_tower(config, changes);
  return config;
}

std::string config_text(const ModelConfig& config, const std::filesystem::path& donor_file) {
  if (!std::filesystem::exists(donor_file)) return config.original.dump(2) + "\n";
  std::string text = read_text_file(donor_file);
  if (parse_json(text, donor_file.string()) == config.original) return text;
  return written(in_order_of(parse_ordered(text, donor_file.string()), config.original));
}

}  // namespace vlm
