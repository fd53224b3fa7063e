#include "model/gguf_export.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "language/decoder_config.h"
#include "model/decoder_storage.h"
#include "model/gguf_names.h"
#include "model/gguf_tensors.h"
#include "model/gguf_vocabulary.h"

namespace vlm {
namespace {

constexpr const char* kEmbedding = "text/model.embed_tokens.weight";

// llama.cpp's name of an architecture, from config.json's.
std::string architecture_of(const ModelConfig& config) {
  const std::string type = config.text().text_or("model_type", "");
  if (type == "llama" || type == "mistral" || type == "qwen2") {
    return type == "qwen2" ? "qwen2" : "llama";
  }
  throw Error(ErrorCode::kUnsupported, "no GGUF export for this model_type: " + config.where +
                                           ": '" + type + "' (llama, mistral, qwen2)");
}

void refuse_scaled_rope(const ModelConfig& config) {
  const JsonFields text = config.text();
  if (!text.has("rope_scaling")) return;
  const JsonFields scaling = text.object("rope_scaling");
  const std::string type = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  if (type == "default") return;
  throw Error(ErrorCode::kUnsupported,
              "no GGUF export for this rope_scaling: " + config.where + ": '" + type + "'");
}

GgufMetadata text_metadata(const Checkpoint& model, GgufType type, std::size_t num_rows) {
  const DecoderConfig config = parse_decoder_config(model.config().text());
  const std::string architecture = architecture_of(model.config());
  GgufMetadata metadata = general_metadata(architecture, model, type);
  const auto add = [&](const char* key, GgufValue value) {
    metadata.emplace_back(architecture + "." + key, std::move(value));
  };
  add("block_count", gguf_number(config.num_layers));
  add("context_length", gguf_number(model.config().text().size("max_position_embeddings")));
  add("embedding_length", gguf_number(config.hidden_size));
  add("feed_forward_length", gguf_number(config.intermediate_size));
  add("attention.head_count", gguf_number(config.num_heads));
  add("attention.head_count_kv", gguf_number(config.num_kv_heads));
  add("attention.key_length", gguf_number(config.head_dim));
  add("attention.value_length", gguf_number(config.head_dim));
  add("attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  add("rope.dimension_count", gguf_number(config.head_dim));
  add("rope.freq_base", static_cast<float>(config.rope_theta));
  add("vocab_size", gguf_number(num_rows));
  for (auto& entry : gguf_vocabulary(model.directory(), model.config().text(), num_rows)) {
    metadata.push_back(std::move(entry));
  }
  return metadata;
}

// How many heads' rows of a tensor have to be reordered; 0 if none.
std::size_t heads_to_reorder(const TensorInfo& info, const DecoderConfig& config, bool is_llama) {
  if (!is_llama) return 0;
  if (info.name.find(".self_attn.q_proj.") != std::string::npos) return config.num_heads;
  return info.name.find(".self_attn.k_proj.") != std::string::npos ? config.num_kv_heads : 0;
}

std::vector<GgufSource> text_sources(const Checkpoint& model, GgufType type) {
  const DecoderConfig config = parse_decoder_config(model.config().text());
  const bool is_llama = architecture_of(model.config()) == "llama";
  std::vector<GgufSource> sources;
  for (const TensorInfo& info : model.tensors()) {
    if (!info.name.starts_with("text/")) continue;
    const auto name = gguf_text_name(info.name);
    if (!name) {
      throw Error(ErrorCode::kUnsupported, "no name in llama.cpp for a tensor: " +
                                               model.directory().string() + ": " + info.name);
    }
    sources.push_back({&info,
                       {*name, info.shape, gguf_type_for(info.shape, type)},
                       heads_to_reorder(info, config, is_llama)});
  }
  return sources;
}

}  // namespace

void export_gguf_text(const Checkpoint& model, const std::filesystem::path& path,
                      const GgufOptions& options, ThreadPool& pool) {
  refuse_scaled_rope(model.config());
  const TensorInfo* const embedding = model.find(kEmbedding);
  if (embedding == nullptr || embedding->shape.size() != 2) {
    throw Error(ErrorCode::kCorruptFile,
                "model lacks a matrix: " + model.directory().string() + ": " + kEmbedding);
  }
  // Throws for tensors that are missing or of another shape than the config says.
  static_cast<void>(DecoderStorage::bytes(model, parse_decoder_config(model.config().text()),
                                          WeightFormat::kFloat32));
  const GgufType type = options.type.value_or(gguf_type_of(embedding->dtype));
  const GgufMetadata metadata = text_metadata(model, type, embedding->shape.front());
  write_gguf(model, path, metadata, text_sources(model, type), options, pool);
}

}  // namespace vlm
