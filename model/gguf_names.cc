#include "model/gguf_names.h"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace vlm {
namespace {

using NamePair = std::pair<std::string_view, std::string_view>;

constexpr std::array<NamePair, 3> kTextOuter = {{{"text/model.embed_tokens.", "token_embd."},
                                                 {"text/model.norm.", "output_norm."},
                                                 {"text/lm_head.", "output."}}};

constexpr std::array<NamePair, 9> kTextLayer = {{{"self_attn.q_proj.", "attn_q."},
                                                 {"self_attn.k_proj.", "attn_k."},
                                                 {"self_attn.v_proj.", "attn_v."},
                                                 {"self_attn.o_proj.", "attn_output."},
                                                 {"mlp.gate_proj.", "ffn_gate."},
                                                 {"mlp.up_proj.", "ffn_up."},
                                                 {"mlp.down_proj.", "ffn_down."},
                                                 {"input_layernorm.", "attn_norm."},
                                                 {"post_attention_layernorm.", "ffn_norm."}}};

constexpr std::array<NamePair, 6> kVisionOuter = {
    {{"vision/embeddings.class_embedding", "v.class_embd"},
     {"vision/embeddings.patch_embedding.", "v.patch_embd."},
     {"vision/embeddings.position_embedding.", "v.position_embd."},
     {"vision/pre_layrnorm.", "v.pre_ln."},
     {"projector/linear_1.", "mm.0."},
     {"projector/linear_2.", "mm.2."}}};

constexpr std::array<NamePair, 8> kVisionLayer = {{{"self_attn.q_proj.", "attn_q."},
                                                   {"self_attn.k_proj.", "attn_k."},
                                                   {"self_attn.v_proj.", "attn_v."},
                                                   {"self_attn.out_proj.", "attn_out."},
                                                   {"layer_norm1.", "ln1."},
                                                   {"layer_norm2.", "ln2."},
                                                   {"mlp.fc1.", "ffn_up."},
                                                   {"mlp.fc2.", "ffn_down."}}};

std::optional<std::string> renamed(std::string_view name, std::span<const NamePair> pairs) {
  for (const auto& [from, to] : pairs) {
    if (!name.starts_with(from)) continue;
    return std::string(to) + std::string(name.substr(from.size()));
  }
  return std::nullopt;
}

// The layer's number with its dot stays: "7." + the renamed rest.
std::optional<std::string> renamed_in_layer(std::string_view name, std::string_view prefix,
                                            std::string_view new_prefix,
                                            std::span<const NamePair> pairs) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto rest = renamed(name.substr(dot + 1), pairs);
  if (!rest) return std::nullopt;
  return std::string(new_prefix) + std::string(name.substr(0, dot + 1)) + *rest;
}

}  // namespace

std::optional<std::string> gguf_text_name(std::string_view canonical_name) {
  if (auto name = renamed_in_layer(canonical_name, "text/model.layers.", "blk.", kTextLayer)) {
    return name;
  }
  return renamed(canonical_name, kTextOuter);
}

std::optional<std::string> gguf_vision_name(std::string_view canonical_name) {
  if (auto name =
          renamed_in_layer(canonical_name, "vision/encoder.layers.", "v.blk.", kVisionLayer)) {
    return name;
  }
  return renamed(canonical_name, kVisionOuter);
}

}  // namespace vlm
