#pragma once

// Made-up checkpoints in the shapes of real 7B models: headers only, their weights are holes on the
// disk.

#include <cstddef>
#include <filesystem>
#include <string>

#include "core/json_fields.h"
#include "tensor/tensor_view.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {

// Collects bf16 tensors and writes them as the header of a sparse file.
class SparseModel {
 public:
  void add(const std::string& name, const Shape& shape) {
    const std::size_t size_bytes = 2 * *element_count(shape);
    header_[name] = {
        {"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {end_, end_ + size_bytes}}};
    end_ += size_bytes;
  }

  // Writes model.safetensors and config.json to a folder below `directory`.
  void write(const TemporaryDirectory& directory, const std::string& folder,
             const Json& config) const {
    const std::string text = header_.dump();
    std::string start;
    for (unsigned byte = 0; byte < 8; ++byte) {
      start += static_cast<char>((text.size() >> (8 * byte)) & 0xFFU);
    }
    const auto file = directory.add(folder + "/model.safetensors", start + text);
    std::filesystem::resize_file(file, start.size() + text.size() + end_);
    directory.add(folder + "/config.json", config.dump());
  }

 private:
  Json header_ = Json::object();
  std::size_t end_ = 0;
};

struct DecoderShape {
  std::size_t layers = 0;
  std::size_t width = 0;
  std::size_t inner_width = 0;
  std::size_t vocabulary = 0;
};

// With keys and values of 1024.
inline void add_decoder(SparseModel& model, const std::string& prefix, const DecoderShape& shape) {
  const std::size_t width = shape.width;
  model.add(prefix + "model.embed_tokens.weight", {shape.vocabulary, width});
  for (std::size_t i = 0; i < shape.layers; ++i) {
    const std::string layer = prefix + "model.layers." + std::to_string(i) + ".";
    for (const char* const norm : {"input_layernorm", "post_attention_layernorm"}) {
      model.add(layer + norm + ".weight", {width});
    }
    model.add(layer + "self_attn.q_proj.weight", {width, width});
    model.add(layer + "self_attn.k_proj.weight", {1024, width});
    model.add(layer + "self_attn.v_proj.weight", {1024, width});
    model.add(layer + "self_attn.o_proj.weight", {width, width});
    model.add(layer + "mlp.gate_proj.weight", {shape.inner_width, width});
    model.add(layer + "mlp.up_proj.weight", {shape.inner_width, width});
    model.add(layer + "mlp.down_proj.weight", {width, shape.inner_width});
  }
  model.add(prefix + "model.norm.weight", {width});
  model.add(prefix + "lm_head.weight", {shape.vocabulary, width});
}

inline void add_mistral_7b(SparseModel& model, const std::string& prefix, std::size_t vocabulary) {
  add_decoder(model, prefix,
              {.layers = 32, .width = 4096, .inner_width = 14336, .vocabulary = vocabulary});
}

inline void add_clip_large(SparseModel& model) {
  const std::string vision = "vision_tower.vision_model.";
  model.add(vision + "embeddings.class_embedding", {1024});
  model.add(vision + "embeddings.patch_embedding.weight", {1024, 3, 14, 14});
  model.add(vision + "embeddings.position_embedding.weight", {577, 1024});
  for (const char* const norm : {"pre_layrnorm", "post_layernorm"}) {
    model.add(vision + norm + ".weight", {1024});
    model.add(vision + norm + ".bias", {1024});
  }
  for (std::size_t i = 0; i < 24; ++i) {
    const std::string layer = vision + "encoder.layers." + std::to_string(i) + ".";
    for (const char* const name : {"layer_norm1", "layer_norm2"}) {
      model.add(layer + name + ".weight", {1024});
      model.add(layer + name + ".bias", {1024});
    }
    for (const char* const name : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      model.add(layer + "self_attn." + name + ".weight", {1024, 1024});
      model.add(layer + "self_attn." + name + ".bias", {1024});
    }
    model.add(layer + "mlp.fc1.weight", {4096, 1024});
    model.add(layer + "mlp.fc1.bias", {4096});
    model.add(layer + "mlp.fc2.weight", {1024, 4096});
    model.add(layer + "mlp.fc2.bias", {1024});
  }
  model.add("multi_modal_projector.linear_1.weight", {4096, 1024});
  model.add("multi_modal_projector.linear_1.bias", {4096});
  model.add("multi_modal_projector.linear_2.weight", {4096, 4096});
  model.add("multi_modal_projector.linear_2.bias", {4096});
  model.add("image_newline", {4096});
}

inline Json mistral_7b_config(std::size_t vocabulary, double rope_theta) {
  return {{"architectures", {"MistralForCausalLM"}},
          {"model_type", "mistral"},
          {"hidden_size", 4096},
          {"intermediate_size", 14336},
          {"num_hidden_layers", 32},
          {"num_attention_heads", 32},
          {"num_key_value_heads", 8},
          {"vocab_size", vocabulary},
          {"rope_theta", rope_theta},
          {"sliding_window", 4096},
          {"max_position_embeddings", 32768},
          {"rms_norm_eps", 1e-5},
          {"torch_dtype", "bfloat16"}};
}

inline Json llava_next_config() {
  return {{"architectures", {"LlavaNextForConditionalGeneration"}},
          {"model_type", "llava_next"},
          {"image_token_index", 32000},
          {"image_grid_pinpoints", {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}},
          {"use_image_newline_parameter", true},
          {"projector_hidden_act", "gelu"},
          {"vision_feature_layer", -2},
          {"vision_feature_select_strategy", "default"},
          {"text_config", mistral_7b_config(32064, 1e6)},
          {"vision_config",
           {{"model_type", "clip_vision_model"},
            {"hidden_size", 1024},
            {"intermediate_size", 4096},
            {"num_hidden_layers", 24},
            {"num_attention_heads", 16},
            {"image_size", 336},
            {"patch_size", 14},
            {"projection_dim", 768}}},
          {"torch_dtype", "bfloat16"}};
}

}  // namespace vlm
