#pragma once

// What the tensors of a LoRA adapter do to those of a model.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/lora_config.h"
#include "tensor/tensor_view.h"

namespace vlm {

enum class LoraUpdateKind : std::uint8_t {
  kProduct,     // adds scale * b a
  kSum,         // adds scale * a: a learned bias of B
  kReplacement  // a takes the place of the tensor: a trained bias, or a module saved whole
};

// What an adapter does to one tensor of a model.
struct LoraUpdate {
  std::string target;     // canonical name, e.g. "text/model.layers.0.self_attn.q_proj.weight"
  std::string disk_name;  // the same in the layout whose names the adapter has
  LoraUpdateKind kind = LoraUpdateKind::kProduct;
  TensorView a;  // [rank, in ...]; of an embedding [rank, rows]
  TensorView b;  // [out, rank] or, of a convolution, [out, rank, 1, 1]
  double scale = 1;
  bool is_transposed = false;  // adds scale * (b a)^T: embeddings
};

// The shape of the tensor that an update changes.
Shape changed_shape(const LoraUpdate& update);

struct AdapterTensor {
  std::string name;  // "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
  TensorView values;
};

// The updates that the tensors of an adapter_model.safetensors mean: what takes a tensor's place
// goes before what is added to it, and there is at most one of each for a target. Names are those
// of the model in any layout of checkpoint/layout.h. Proves that A and B come in pairs of one rank,
// that of the config, and that every tensor is LoRA's, a bias that the config has trained, or of a
// module that it has saved. Throws Error{kCorruptFile, kUnsupported}, and Error{kInvalidArgument}
// if there are no tensors.
std::vector<LoraUpdate> read_lora_updates(const LoraConfig& config,
                                          std::span<const AdapterTensor> tensors);

}  // namespace vlm
