#pragma once

// The tensors of one input, sorted by component and where they stand in it.

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/component.h"

namespace vlm {

inline constexpr std::string_view kTextPrefix = "text/";
inline constexpr std::string_view kEmbedName = "text/model.embed_tokens.weight";
inline constexpr std::string_view kHeadName = "text/lm_head.weight";

// Name after the layer's number ("self_attn.q_proj.weight") and the tensor, in file order.
using LayerTensors = std::vector<std::pair<std::string, const TensorInfo*>>;

// The tensors of one component of an input: pointers into its checkpoint's tensors().
class ComponentTensors {
 public:
  void add(const TensorInfo& info);

  [[nodiscard]] const LayerTensors& layer(std::size_t index) const;
  [[nodiscard]] std::size_t num_layers() const noexcept { return layers_.size(); }
  // Outside of layers, in file order.
  [[nodiscard]] const std::vector<const TensorInfo*>& outer() const noexcept { return outer_; }
  // All, in file order.
  [[nodiscard]] const std::vector<const TensorInfo*>& all() const noexcept { return all_; }

 private:
  std::map<std::size_t, LayerTensors> layers_;
  std::vector<const TensorInfo*> outer_;
  std::vector<const TensorInfo*> all_;
};

// Lives no longer than the checkpoint.
class InputTensors {
 public:
  explicit InputTensors(const Checkpoint& checkpoint);

  [[nodiscard]] const ComponentTensors& of(Component component) const noexcept {
    return components_[static_cast<std::size_t>(component)];
  }
  // A tensor outside of layers, or nullptr. A tied head is the embedding.
  [[nodiscard]] const TensorInfo* find_outer(std::string_view name) const;
  [[nodiscard]] bool ties_head() const noexcept { return ties_head_; }

 private:
  std::array<ComponentTensors, kComponents.size()> components_;
  bool ties_head_ = false;
};

// The tensor of that suffix, or nullptr.
const TensorInfo* find_tensor(const LayerTensors& layer, std::string_view suffix);

}  // namespace vlm
