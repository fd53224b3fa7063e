#pragma once

// The two tensors in which the released data-flow models (EvoLLM-JP-v1-10B) keep their path:
// model.input_layers [hops], whole numbers, and model.input_scales [hops]. They are part of the
// config rather than weights, so they become lists of it.

#include <cstddef>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_config.h"
#include "tensor/tensor_view.h"

namespace vlm {

// Whether a tensor is one of the two, by its name on disk.
bool is_layer_path_tensor(std::string_view disk_name) noexcept;

// Writes the values of such a tensor to `config.json` as the list "input_layers" or "input_scales".
// Throws Error{kCorruptFile} unless it is one-dimensional and of at most 65536 numbers, finite, and
// whole where they are layers.
void add_layer_path_tensor(ModelConfig& config, std::string_view disk_name,
                           const TensorView& tensor);

// Such a tensor with its values, little-endian.
struct LayerPathTensor {
  TensorInfo info;  // the name is that on disk
  std::vector<std::byte> bytes;
};

// The two as they are written: the lists "input_layers" (I32) and "input_scales" (F32) of the
// config of a data-flow model, in the types that the released code's parameters have. None for
// other models, nor for a list that is not there.
std::vector<LayerPathTensor> layer_path_tensors(const ModelConfig& config);

}  // namespace vlm
