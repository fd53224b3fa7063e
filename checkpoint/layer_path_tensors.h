#pragma once

// The two tensors in which the released data-flow models (EvoLLM-JP-v1-10B) keep their path:
// model.input_layers [hops], whole numbers, and model.input_scales [hops]. They are part of the
// config rather than weights, so they become lists of it.

#include <string_view>

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

}  // namespace vlm
