#pragma once

// Writing GGUF files (version 3), the format of llama.cpp: metadata, then tensors one after the
// other, so that a file may be larger than memory.
// Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/gguf_type.h"
#include "core/files.h"
#include "tensor/tensor_view.h"

namespace vlm {

using GgufValue = std::variant<std::uint32_t, float, bool, std::string, std::vector<std::int32_t>,
                               std::vector<float>, std::vector<std::string>>;

// In the order of the file.
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

struct GgufTensor {
  std::string name;
  Shape shape;  // rows first; the file lists the dimensions the other way round
  GgufType type = GgufType::kF32;
};

// Bytes between the starts of tensors are a multiple of this, and so is the start of the data.
inline constexpr std::size_t kGgufAlignment = 32;

// A file that appears under its name when finish() has flushed it, replacing one that is there, or
// not at all. Throws Error{kIo} naming the file, e.g. when the disk is full.
class GgufWriter {
 public:
  // REQUIRES: names are unique, blocks divide the rows.
  GgufWriter(std::filesystem::path path, const GgufMetadata& metadata,
             std::span<const GgufTensor> tensors);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;
  GgufWriter(GgufWriter&&) = delete;
  GgufWriter& operator=(GgufWriter&&) = delete;

  // The bytes of the next tensor, as encode_gguf() makes them.
  // REQUIRES: as many as its shape and type say.
  void append(std::span<const std::byte> bytes);
  // REQUIRES: every tensor is appended.
  void finish();

 private:
  void write(std::string_view bytes);

  std::filesystem::path path_;
  AtomicFile file_;
  std::vector<std::size_t> sizes_bytes_;  // of the tensors, in order
  std::size_t num_appended_ = 0;
  int descriptor_ = -1;
};

}  // namespace vlm
