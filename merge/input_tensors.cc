#include "merge/input_tensors.h"

#include <algorithm>

namespace vlm {

void ComponentTensors::add(const TensorInfo& info) {
  all_.push_back(&info);
  if (const auto parsed = parse_layer_name(info.name)) {
    layers_[parsed->layer].emplace_back(std::string(parsed->suffix), &info);
  } else {
    outer_.push_back(&info);
  }
}

const LayerTensors& ComponentTensors::layer(std::size_t index) const {
  static const LayerTensors none;
  const auto found = layers_.find(index);
  return found == layers_.end() ? none : found->second;
}

InputTensors::InputTensors(const Checkpoint& checkpoint) {
  for (const TensorInfo& info : checkpoint.tensors()) {
    const auto component = component_of(info.name);
    if (component) components_[static_cast<std::size_t>(*component)].add(info);
  }
  const JsonFields text = checkpoint.config().text();
  const bool at_top = checkpoint.config().json.value("tie_word_embeddings", false);
  ties_head_ = text.boolean_or("tie_word_embeddings", at_top);
}

const TensorInfo* InputTensors::find_outer(std::string_view name) const {
  const auto component = component_of(name);
  if (!component) return nullptr;
  const auto& outer = of(*component).outer();
  const auto found = std::find_if(outer.begin(), outer.end(),
                                  [&](const TensorInfo* info) { return info->name == name; });
  if (found != outer.end()) return *found;
  return name == kHeadName && ties_head_ ? find_outer(kEmbedName) : nullptr;
}

const TensorInfo* find_tensor(const LayerTensors& layer, std::string_view suffix) {
  const auto found = std::find_if(layer.begin(), layer.end(),
                                  [&](const auto& entry) { return entry.first == suffix; });
  return found == layer.end() ? nullptr : found->second;
}

}  // namespace vlm
