#pragma once

// Tensors of a checkpoint into a GGUF file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_writer.h"
#include "model/gguf_export.h"

namespace vlm {

// A tensor to write.
struct GgufSource {
  const TensorInfo* info = nullptr;
  GgufTensor tensor;          // name, shape and type in the file
  std::size_t num_heads = 0;  // not 0: rows are reordered by interleave_halves()
};

// Rows of queries or keys, head by head: the two halves of a head become neighbours, as rotary
// embeddings of llama.cpp's architecture "llama" pair them. Row 2 i + j of a head becomes its
// row j * size / 2 + i. REQUIRES: values of num_heads heads with an even number of rows of `width`.
std::vector<float> interleave_halves(const std::vector<float>& values, std::size_t num_heads,
                                     std::size_t width);

// The type in which a tensor of that shape is stored when matrices have `wanted`.
GgufType gguf_type_for(const Shape& shape, GgufType wanted) noexcept;

// The type that stores a dtype as it is; F64 becomes float32. REQUIRES: a floating dtype.
GgufType gguf_type_of(DType dtype) noexcept;

// A number of a config as files have it. REQUIRES: it fits 32 bits.
std::uint32_t gguf_number(std::size_t value) noexcept;

// The keys `general.*`. The name is the model's directory's.
GgufMetadata general_metadata(const std::string& architecture, const Checkpoint& model,
                              GgufType type);

// Writes one file. Tensors are computed one at a time for each thread.
void write_gguf(const Checkpoint& model, const std::filesystem::path& path,
                const GgufMetadata& metadata, const std::vector<GgufSource>& sources,
                const GgufOptions& options, ThreadPool& pool);

}  // namespace vlm
