#pragma once

// The tensors of one input, sorted by where they stand in a language model.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace vlm {

inline constexpr std::string_view kTextPrefix = "text/";
inline constexpr std::string_view kEmbedName = "text/model.embed_tokens.weight";
inline constexpr std::string_view kHeadName = "text/lm_head.weight";

// Name after the layer's number ("self_attn.q_proj.weight") and the tensor, in file order.
using LayerTensors = std::vector<std::pair<std::string, const TensorInfo*>>;

// Pointers into a checkpoint's tensors(); they live as long as the checkpoint.
class InputTensors {
 public:
  explicit InputTensors(const Checkpoint& checkpoint);

  // Of the language model, by layer.
  [[nodiscard]] const LayerTensors& layer(std::size_t index) const;
  // Of the language model outside of layers, by canonical name; in file order.
  [[nodiscard]] const std::vector<const TensorInfo*>& outer() const noexcept { return outer_; }
  // Of vision tower and projector.
  [[nodiscard]] const std::vector<const TensorInfo*>& others() const noexcept { return others_; }
  // A tensor of the language model outside of layers, or nullptr. A tied head is the embedding.
  [[nodiscard]] const TensorInfo* find_outer(std::string_view name) const;
  [[nodiscard]] bool has_text() const noexcept { return !layers_.empty() || !outer_.empty(); }
  [[nodiscard]] bool ties_head() const noexcept { return ties_head_; }

 private:
  std::map<std::size_t, LayerTensors> layers_;
  std::vector<const TensorInfo*> outer_;
  std::vector<const TensorInfo*> others_;
  bool ties_head_ = false;
};

// The tensor of that suffix, or nullptr.
const TensorInfo* find_tensor(const LayerTensors& layer, std::string_view suffix);

// 3 for "text/model.layers.3.mlp.up_proj.weight"; nothing outside of layers.
std::optional<std::size_t> layer_of(std::string_view name);

// "text/model.layers.3.mlp.up_proj.weight"
std::string layer_tensor_name(std::size_t layer, std::string_view suffix);

}  // namespace vlm
