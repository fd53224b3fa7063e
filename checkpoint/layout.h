#pragma once

// How the tensors of a model are named on disk, and the rename tables to and from the canonical
// names of checkpoint/checkpoint.h. Each layout is a list of prefix pairs, so it maps both ways.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vlm {

enum class LayoutKind : std::uint8_t {
  kPlainText,        // model.layers.0..., lm_head.weight: Mistral, Llama, Qwen2
  kLlavaHub,         // llava-hf on the hub: language_model.model.*, vision_tower.vision_model.*
  kLlavaSavedV5,     // what transformers 5 saves: the same, vision_tower.* without vision_model.
  kLlavaInMemoryV5,  // module names of transformers 5: model.language_model.*, model.vision_tower.*
  kOriginalLlava,    // liuhaotian's: model.layers.*, model.mm_projector.0.*, model.vision_tower.*
  kOriginalLlavaLinear,  // the same with a projector of one layer: model.mm_projector.*
  kClip,                 // a CLIP model, of which only vision_model.* has a place
  kClipSavedV5           // its vision tower alone as transformers 5 saves it: encoder.layers.0...
};

class Layout {
 public:
  explicit Layout(LayoutKind kind = LayoutKind::kPlainText) noexcept : kind_(kind) {}

  // The layout whose telltale prefixes occur among the names; plain text if none do. It need not
  // fit all of them: canonical_name says which it does not.
  static Layout detect(std::span<const std::string> disk_names);
  // The same for the model that is the vision tower of an original LLaVA.
  static Layout detect_tower(std::span<const std::string> disk_names);

  [[nodiscard]] LayoutKind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_vlm() const noexcept { return kind_ != LayoutKind::kPlainText; }
  [[nodiscard]] bool is_original_llava() const noexcept {
    return kind_ == LayoutKind::kOriginalLlava || kind_ == LayoutKind::kOriginalLlavaLinear;
  }
  // E.g. "llava-hf".
  [[nodiscard]] std::string_view name() const noexcept;

  // "language_model.model.norm.weight" -> "text/model.norm.weight"; nothing if no rule fits.
  [[nodiscard]] std::optional<std::string> canonical_name(std::string_view disk_name) const;
  // The inverse. Throws Error{kInvalidArgument} for a component this layout does not have.
  [[nodiscard]] std::string disk_name(std::string_view canonical_name) const;

 private:
  LayoutKind kind_;
};

// Buffers that old exporters wrote although they are computed from the config, not learned:
// `*.rotary_emb.inv_freq` and `*.embeddings.position_ids`. They are neither read nor written.
bool is_known_buffer(std::string_view disk_name) noexcept;

}  // namespace vlm
