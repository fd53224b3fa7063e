#include "merge/component.h"

#include <algorithm>
#include <charconv>

#include "core/check.h"

namespace vlm {
namespace {

struct Description {
  Component component;
  std::string_view name;
  std::string_view description;
  std::string_view prefix;
  std::string_view layer_prefix;  // "": it has no layers
};

constexpr std::array kDescriptions{
    Description{Component::kText, "text", "language model", "text/", "text/model.layers."},
    Description{Component::kVision, "vision", "vision tower", "vision/", "vision/encoder.layers."},
    Description{Component::kProjector, "projector", "projector", "projector/", ""},
};

const Description& description(Component component) noexcept {
  return kDescriptions[static_cast<std::size_t>(component)];
}

struct Module {
  std::string_view name;
  Component component;
};

// What mergekit's definitions of architectures call the modules.
constexpr std::array kModules{
    Module{"text_decoder", Component::kText},
    Module{"default", Component::kText},
    Module{"vision_tower", Component::kVision},
    Module{"vision_model", Component::kVision},
    Module{"multi_modal_projector", Component::kProjector},
};

template <typename Table>
std::optional<Component> find_in(const Table& table, std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
  return found == table.end() ? std::nullopt : std::optional(found->component);
}

template <typename Table>
std::vector<std::string> names_in(const Table& table) {
  std::vector<std::string> names;
  names.reserve(table.size());
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

}  // namespace

std::string_view to_string(Component component) noexcept {
  return description(component).name;
}

std::string_view description_of(Component component) noexcept {
  return description(component).description;
}

std::string_view prefix_of(Component component) noexcept {
  return description(component).prefix;
}

std::optional<Component> find_component(std::string_view name) {
  return find_in(kDescriptions, name);
}

std::optional<Component> find_component_of_module(std::string_view module) {
  return find_in(kModules, module);
}

std::vector<std::string> component_names() {
  return names_in(kDescriptions);
}

std::vector<std::string> module_names() {
  return names_in(kModules);
}

std::optional<Component> component_of(std::string_view tensor) noexcept {
  for (const Component component : kComponents) {
    if (tensor.starts_with(prefix_of(component))) return component;
  }
  return std::nullopt;
}

std::optional<LayerName> parse_layer_name(std::string_view tensor) {
  const std::optional<Component> component = component_of(tensor);
  if (!component) return std::nullopt;
  const std::string_view prefix = description(*component).layer_prefix;
  if (prefix.empty() || !tensor.starts_with(prefix)) return std::nullopt;
  tensor.remove_prefix(prefix.size());
  LayerName parsed;
  const char* const end_of_name = tensor.data() + tensor.size();
  const auto [end, error] = std::from_chars(tensor.data(), end_of_name, parsed.layer);
  if (error != std::errc{} || end == end_of_name || *end != '.') return std::nullopt;
  parsed.suffix = tensor.substr(static_cast<std::size_t>(end - tensor.data()) + 1);
  return parsed;
}

std::string layer_tensor_name(Component component, std::size_t layer, std::string_view suffix) {
  const std::string_view prefix = description(component).layer_prefix;
  check(!prefix.empty(), "layer_tensor_name: the component has layers");
  return std::string(prefix) + std::to_string(layer) + "." + std::string(suffix);
}

bool is_before_layers(std::string_view tensor) noexcept {
  constexpr std::array<std::string_view, 3> kPrefixes{"text/model.embed_tokens.",
                                                      "vision/embeddings.", "vision/pre_layrnorm."};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return tensor.starts_with(prefix); });
}

}  // namespace vlm
