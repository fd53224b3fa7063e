#include "checkpoint/inspect.h"

#include "checkpoint/safetensors_writer.h"

namespace vlm {
namespace {

ComponentSummary summarize_component(const Checkpoint& checkpoint, const std::string& name) {
  ComponentSummary summary;
  summary.name = name;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (!tensor.name.starts_with(name + "/")) continue;
    const std::size_t size_bytes = stored_size_bytes(tensor);
    ++summary.num_tensors;
    summary.num_parameters += size_bytes / element_size_bytes(tensor.dtype);
    summary.size_bytes += size_bytes;
    ++summary.tensors_of_dtype[std::string(safetensors_name(tensor.dtype))];
  }
  return summary;
}

}  // namespace

CheckpointSummary summarize(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  CheckpointSummary summary;
  summary.family = config.family;
  summary.architecture = config.architecture;
  summary.num_layers = config.num_layers();
  summary.hidden_size = config.text().size("hidden_size");
  summary.vocab_size = config.vocab_size();
  for (const char* name : {"text", "vision", "projector"}) {
    ComponentSummary component = summarize_component(checkpoint, name);
    if (component.num_tensors == 0) continue;
    summary.num_parameters += component.num_parameters;
    summary.components.push_back(std::move(component));
  }
  return summary;
}

}  // namespace vlm
