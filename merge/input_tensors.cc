#include "merge/input_tensors.h"

#include <algorithm>
#include <charconv>

namespace vlm {
namespace {

constexpr std::string_view kLayerPrefix = "text/model.layers.";

struct LayerName {
  std::size_t layer = 0;
  std::string_view suffix;
};

std::optional<LayerName> parse_layer_name(std::string_view name) {
  if (!name.starts_with(kLayerPrefix)) return std::nullopt;
  name.remove_prefix(kLayerPrefix.size());
  LayerName parsed;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), parsed.layer);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return std::nullopt;
  parsed.suffix = name.substr(static_cast<std::size_t>(end - name.data()) + 1);
  return parsed;
}

}  // namespace

InputTensors::InputTensors(const Checkpoint& checkpoint) {
  for (const TensorInfo& info : checkpoint.tensors()) {
    if (!info.name.starts_with(kTextPrefix)) {
      others_.push_back(&info);
    } else if (const auto parsed = parse_layer_name(info.name)) {
      layers_[parsed->layer].emplace_back(std::string(parsed->suffix), &info);
    } else {
      outer_.push_back(&info);
    }
  }
  const JsonFields text = checkpoint.config().text();
  const bool at_top = checkpoint.config().json.value("tie_word_embeddings", false);
  ties_head_ = text.boolean_or("tie_word_embeddings", at_top);
}

const LayerTensors& InputTensors::layer(std::size_t index) const {
  static const LayerTensors none;
  const auto found = layers_.find(index);
  return found == layers_.end() ? none : found->second;
}

const TensorInfo* InputTensors::find_outer(std::string_view name) const {
  const auto found = std::find_if(outer_.begin(), outer_.end(),
                                  [&](const TensorInfo* info) { return info->name == name; });
  if (found != outer_.end()) return *found;
  return name == kHeadName && ties_head_ ? find_outer(kEmbedName) : nullptr;
}

const TensorInfo* find_tensor(const LayerTensors& layer, std::string_view suffix) {
  const auto found = std::find_if(layer.begin(), layer.end(),
                                  [&](const auto& entry) { return entry.first == suffix; });
  return found == layer.end() ? nullptr : found->second;
}

std::optional<std::size_t> layer_of(std::string_view name) {
  const auto parsed = parse_layer_name(name);
  return parsed ? std::optional(parsed->layer) : std::nullopt;
}

std::string layer_tensor_name(std::size_t layer, std::string_view suffix) {
  return std::string(kLayerPrefix) + std::to_string(layer) + "." + std::string(suffix);
}

}  // namespace vlm
