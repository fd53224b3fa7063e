#include "checkpoint/model_config.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/original_llava.h"
#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

struct KnownArchitecture {
  std::string_view architecture;
  std::string_view model_type;
  ModelFamily family;
};

constexpr std::array kArchitectures{
    KnownArchitecture{"MistralForCausalLM", "mistral", ModelFamily::kText},
    KnownArchitecture{"EvoMistralForCausalLM", "evomistral", ModelFamily::kText},
    KnownArchitecture{"LlamaForCausalLM", "llama", ModelFamily::kText},
    KnownArchitecture{"Qwen2ForCausalLM", "qwen2", ModelFamily::kText},
    KnownArchitecture{"LlavaForConditionalGeneration", "llava", ModelFamily::kLlava},
    KnownArchitecture{"LlavaNextForConditionalGeneration", "llava_next", ModelFamily::kLlavaNext},
};

// Larger than any real model, small enough that sizes computed from them cannot overflow.
struct SizeLimit {
  const char* key;
  std::size_t largest;
};
constexpr std::array kTextLimits{
    SizeLimit{"hidden_size", 1U << 17U},
    SizeLimit{"intermediate_size", 1U << 20U},
    SizeLimit{"num_hidden_layers", 1U << 10U},
    SizeLimit{"num_attention_heads", 1U << 12U},
    SizeLimit{"num_key_value_heads", 1U << 12U},
    SizeLimit{"vocab_size", 1U << 22U},
    SizeLimit{"max_position_embeddings", 1U << 26U},
};
constexpr std::array kVisionLimits{
    SizeLimit{"hidden_size", 1U << 17U},
    SizeLimit{"intermediate_size", 1U << 20U},
    SizeLimit{"num_hidden_layers", 1U << 10U},
    SizeLimit{"num_attention_heads", 1U << 12U},
    SizeLimit{"image_size", 1U << 14U},
    SizeLimit{"patch_size", 1U << 12U},
    SizeLimit{"num_channels", 16},
};

// Defaults of MistralConfig, LlamaConfig and Qwen2Config in transformers 4 and 5: a saved config
// leaves out what equals them. Real Mistral checkpoints state rms_norm_eps 1e-5.
Json text_defaults(std::string_view model_type) {
  Json defaults = {{"vocab_size", 32000},        {"hidden_size", 4096},
                   {"intermediate_size", 14336}, {"num_hidden_layers", 32},
                   {"num_attention_heads", 32},  {"num_key_value_heads", 8},
                   {"hidden_act", "silu"},       {"max_position_embeddings", 4096 * 32},
                   {"rms_norm_eps", 1e-6},       {"rope_theta", 10000.0},
                   {"sliding_window", 4096},     {"tie_word_embeddings", false},
                   {"bos_token_id", 1},          {"eos_token_id", 2}};
  if (model_type == "llama") {
    defaults.update({{"intermediate_size", 11008}, {"max_position_embeddings", 2048}});
    defaults["num_key_value_heads"] = nullptr;
    defaults["sliding_window"] = nullptr;
  } else if (model_type == "qwen2") {
    defaults.update({{"vocab_size", 151936},
                     {"intermediate_size", 22016},
                     {"num_key_value_heads", 32},
                     {"max_position_embeddings", 32768},
                     {"use_sliding_window", false},
                     {"max_window_layers", 28}});
    defaults["bos_token_id"] = nullptr;
    defaults["eos_token_id"] = nullptr;
  }
  return defaults;
}

// Defaults of CLIPVisionConfig and SiglipVisionConfig in transformers.
Json vision_defaults(std::string_view model_type) {
  const bool clip = model_type == "clip_vision_model";
  return {{"hidden_size", 768},
          {"intermediate_size", 3072},
          {"num_hidden_layers", 12},
          {"num_attention_heads", 12},
          {"num_channels", 3},
          {"image_size", 224},
          {"patch_size", clip ? 32 : 16},
          {"hidden_act", clip ? "quick_gelu" : "gelu_pytorch_tanh"},
          {"layer_norm_eps", clip ? 1e-5 : 1e-6}};
}

// Defaults of LlavaConfig in transformers.
Json llava_defaults() {
  return {{"image_token_index", 32000},
          {"projector_hidden_act", "gelu"},
          {"vision_feature_layer", -2},
          {"vision_feature_select_strategy", "default"},
          {"multimodal_projector_bias", true}};
}

// Adds keys that are absent. A null that is written stays (sliding_window: null means none).
void fill(Json& object, const Json& defaults) {
  for (const auto& [key, value] : defaults.items()) {
    if (!object.contains(key)) object[key] = value;
  }
}

// {"rope_type": "default", "rope_theta": 1e6} -> rope_theta; other types -> rope_scaling as well.
void normalise_rope(Json& object, const std::string& where) {
  const JsonFields fields(object, where);
  if (!fields.has("rope_parameters")) return;
  Json rope = object["rope_parameters"];
  const JsonFields rope_fields = fields.object("rope_parameters");
  for (const auto& [key, value] : rope.items()) {
    if (!value.is_object()) continue;
    throw Error(ErrorCode::kUnsupported,
                "rotary parameters of single kinds of layers: " + rope_fields.where() + ": " + key);
  }
  const std::string type = rope_fields.text_or("rope_type", rope_fields.text_or("type", "default"));
  for (const char* const key : {"rope_theta", "partial_rotary_factor"}) {
    if (!rope_fields.has(key)) continue;
    object[key] = rope_fields.number(key);
    rope.erase(key);
  }
  if (type != "default") object["rope_scaling"] = rope;
  object.erase("rope_parameters");
}

void normalise_names(Json& object, const std::string& where) {
  normalise_rope(object, where);
  if (object.contains("dtype") && !object.contains("torch_dtype")) {
    object["torch_dtype"] = object["dtype"];
  }
  object.erase("dtype");
}

void check_sizes(const Json& object, const std::string& where, std::span<const SizeLimit> limits) {
  const JsonFields fields(object, where);
  for (const SizeLimit& limit : limits) {
    const std::size_t value = fields.size(limit.key);
    if (value == 0 || value > limit.largest) {
      throw Error(ErrorCode::kCorruptFile, "size out of range: " + where + ": " + limit.key +
                                               " = " + std::to_string(value) + ", expected 1 to " +
                                               std::to_string(limit.largest));
    }
  }
}

void complete_text(Json& text, const std::string& where, std::string_view model_type) {
  normalise_names(text, where);
  fill(text, text_defaults(model_type));
  // hf: `if num_key_value_heads is None: num_key_value_heads = num_attention_heads`
  if (text["num_key_value_heads"].is_null()) {
    text["num_key_value_heads"] = text["num_attention_heads"];
  }
  check_sizes(text, where, kTextLimits);
}

[[noreturn]] void fail_unknown(const std::string& what, const std::string& where,
                               const std::string& seen, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  const std::string nearest = nearest_name(seen, known);
  throw Error(ErrorCode::kUnsupported,
              what + ": " + where + ": '" + seen + "' (" +
                  (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") + "known: " + list +
                  ")");
}

// LlavaConfig takes "llama" for a text_config without model_type, and "clip_vision_model" for a
// vision_config without one.
void complete_llava(ModelConfig& config) {
  const JsonFields fields(config.json, config.where);
  const JsonFields text_fields = fields.object("text_config");
  const JsonFields vision_fields = fields.object("vision_config");
  const std::string text_type = text_fields.text_or("model_type", "llama");
  const std::string vision_type = vision_fields.text_or("model_type", "clip_vision_model");
  const std::vector<std::string> text_types{"mistral", "llama", "qwen2"};
  if (std::find(text_types.begin(), text_types.end(), text_type) == text_types.end()) {
    fail_unknown("unknown language model", text_fields.where(), text_type, text_types);
  }
  const std::vector<std::string> vision_types{"clip_vision_model", "siglip_vision_model"};
  if (std::find(vision_types.begin(), vision_types.end(), vision_type) == vision_types.end()) {
    fail_unknown("unknown vision tower", vision_fields.where(), vision_type, vision_types);
  }
  Json& text = config.json["text_config"];
  Json& vision = config.json["vision_config"];
  text["model_type"] = text_type;
  vision["model_type"] = vision_type;
  complete_text(text, text_fields.where(), text_type);
  normalise_names(vision, vision_fields.where());
  fill(vision, vision_defaults(vision_type));
  check_sizes(vision, vision_fields.where(), kVisionLimits);
  normalise_names(config.json, config.where);
  fill(config.json, llava_defaults());
}

// architectures[0], or the architecture that belongs to model_type.
const KnownArchitecture& find_architecture(const JsonFields& fields) {
  std::string name;
  if (fields.has("architectures")) {
    const Json& list = fields.json()["architectures"];
    if (!list.is_array() || list.size() != 1 || !list[0].is_string()) {
      throw Error(ErrorCode::kCorruptFile,
                  "expected a list of one name: " + fields.where() + ": architectures");
    }
    name = list[0].get<std::string>();
  }
  const std::string model_type = name.empty() ? fields.text("model_type") : "";
  std::vector<std::string> known;
  for (const KnownArchitecture& candidate : kArchitectures) {
    if (name.empty() ? candidate.model_type == model_type : candidate.architecture == name) {
      return candidate;
    }
    known.emplace_back(name.empty() ? candidate.model_type : candidate.architecture);
  }
  if (!name.empty()) {
    known.insert(known.end(), kOriginalLlavaArchitectures.begin(),
                 kOriginalLlavaArchitectures.end());
  }
  fail_unknown("unknown architecture", fields.where(), name.empty() ? model_type : name, known);
}

}  // namespace

JsonFields ModelConfig::text() const {
  const JsonFields fields(json, where);
  return is_vlm() ? fields.object("text_config") : fields;
}

JsonFields ModelConfig::vision() const {
  return JsonFields(json, where).object("vision_config");
}

std::size_t ModelConfig::num_layers() const {
  return text().size("num_hidden_layers");
}

std::size_t ModelConfig::vocab_size() const {
  return text().size("vocab_size");
}

std::optional<std::size_t> ModelConfig::image_token_id() const {
  if (is_original_llava()) return std::nullopt;
  const JsonFields fields(json, where);
  return fields.size(fields.has("image_token_index") ? "image_token_index" : "image_token_id");
}

ModelConfig read_model_config(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "config.json";
  const Json json = read_json_file(file);
  if (!is_original_llava(json)) return parse_model_config(json, file.string());
  const JsonFields fields(json, file.string());
  std::filesystem::path tower = find_tower_directory(fields, directory);
  const std::filesystem::path tower_file = tower / "config.json";
  const Json tower_json = read_json_file(tower_file);
  ModelConfig config = parse_model_config(
      hub_config(fields, JsonFields(tower_json, tower_file.string())), file.string());
  config.architecture = architecture_of_original_llava(json);
  config.original = json;
  config.tower_directory = std::move(tower);
  return config;
}

ModelConfig parse_model_config(const Json& config, const std::string& where) {
  const JsonFields fields(config, where);
  const KnownArchitecture& known = find_architecture(fields);
  ModelConfig parsed{.where = where,
                     .family = known.family,
                     .architecture = std::string(known.architecture),
                     .json = config,
                     .original = config,
                     .tower_directory = {},
                     .borrows_tower = false};
  if (parsed.is_vlm()) {
    complete_llava(parsed);
  } else {
    parsed.json["model_type"] = known.model_type;
    complete_text(parsed.json, where, known.model_type);
  }
  return parsed;
}

}  // namespace vlm
