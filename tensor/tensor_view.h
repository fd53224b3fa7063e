#pragma once

// A stored tensor as it lies in a file: element type, shape and bytes. For reading and writing
// files; computing happens on MatrixView<float>.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace vlm {

using Shape = std::vector<std::size_t>;

// The product of the dimensions, 1 for an empty shape; nothing if it does not fit into size_t.
std::optional<std::size_t> element_count(const Shape& shape) noexcept;

// "[2560, 192]"
std::string to_string(const Shape& shape);

// Does not own the bytes; the file mapping or buffer behind them must outlive the view.
// Invariant: bytes.size() == element_count(shape) * element_size_bytes(dtype). The bytes need no
// alignment.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

// Converts floating elements [first, first + out.size()) to float32, exactly except for F64, which
// is rounded. REQUIRES: a floating dtype, the range inside the tensor.
void read_floats(const TensorView& tensor, std::size_t first, std::span<float> out) noexcept;

// All elements, as read_floats() gives them.
std::vector<float> floats_of(const TensorView& tensor);

// Rounds float32 values once to `dtype` (nearest, ties to even) and stores them.
// REQUIRES: a floating dtype, out.size() == values.size() * element_size_bytes(dtype).
void store_floats(std::span<const float> values, DType dtype, std::span<std::byte> out) noexcept;

}  // namespace vlm
