#pragma once

// Weights that are infinite or not a number: a model that a training run has broken.

#include <cstddef>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"

namespace vlm {

// Where an element of a tensor is: "[3, 7]".
std::string element_position(const Shape& shape, std::size_t element);

// Throws Error{kCorruptFile} for the first that is not finite of a tensor's values from element
// `first` on: "weight is not a number: MODEL: TENSOR: element [3, 7]: nan", then `hint`.
void require_finite(std::span<const float> values, const TensorInfo& info, std::size_t first,
                    const std::string& model, const std::string& hint);

// The same of values that a merge made and that are rounded to the tensor's type. Throws
// Error{kInvalidArgument}: "merged weight does not fit into float16: TENSOR: element [3, 7]: inf",
// then `hint`.
void require_fit(std::span<const float> values, const TensorInfo& info, std::size_t first,
                 const std::string& hint);

}  // namespace vlm
