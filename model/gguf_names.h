#pragma once

// Canonical tensor names as llama.cpp names them.

#include <optional>
#include <string>
#include <string_view>

namespace vlm {

// "text/model.layers.0.self_attn.q_proj.weight" -> "blk.0.attn_q.weight"; nothing for a tensor that
// its language models do not have.
std::optional<std::string> gguf_text_name(std::string_view canonical_name);

// "vision/encoder.layers.0.mlp.fc1.bias" -> "v.blk.0.ffn_up.bias",
// "projector/linear_1.weight" -> "mm.0.weight"; nothing for others.
std::optional<std::string> gguf_vision_name(std::string_view canonical_name);

}  // namespace vlm
