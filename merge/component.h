#pragma once

// The parts of a model that are merged each for itself, and where a tensor stands in them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

enum class Component : std::uint8_t { kText, kVision, kProjector };

inline constexpr std::array kComponents{Component::kText, Component::kVision,
                                        Component::kProjector};

// "text", "vision" or "projector".
std::string_view to_string(Component component) noexcept;
// "language model", "vision tower" or "projector".
std::string_view description_of(Component component) noexcept;
// The beginning of the canonical names of its tensors, "text/".
std::string_view prefix_of(Component component) noexcept;

// The component of that name (see to_string), or nothing.
std::optional<Component> find_component(std::string_view name);
// The component that mergekit calls so: "text_decoder" and "default" (a language model alone),
// "vision_tower" and "vision_model", "multi_modal_projector".
std::optional<Component> find_component_of_module(std::string_view module);
std::vector<std::string> component_names();
std::vector<std::string> module_names();

// Of a canonical tensor name: "text/..." is of the text.
std::optional<Component> component_of(std::string_view tensor) noexcept;

struct LayerName {
  std::size_t layer = 0;
  std::string_view suffix;
};

// 3 and "mlp.up_proj.weight" for "text/model.layers.3.mlp.up_proj.weight"; nothing outside of
// layers. The suffix views `tensor`.
std::optional<LayerName> parse_layer_name(std::string_view tensor);
// "text/model.layers.3.mlp.up_proj.weight"
std::string layer_tensor_name(Component component, std::size_t layer, std::string_view suffix);

// Whether a tensor outside of layers comes before them: embeddings of tokens or patches.
bool is_before_layers(std::string_view tensor) noexcept;

}  // namespace vlm
