#pragma once

// Writing safetensors files, one tensor after the other, so that a file may be larger than memory.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tensor/tensor_view.h"

namespace vlm {

using SafetensorsMetadata = std::map<std::string, std::string>;

// A new file that gets its header at once and its tensors in the order of the header. Not atomic:
// write into an AtomicDirectory. Throws Error{kIo} naming the file, e.g. when the disk is full.
class SafetensorsWriter {
 public:
  // The names of `tensors` are those for the file. REQUIRES: names are unique.
  // Throws Error{kIo} also if the file exists.
  SafetensorsWriter(std::filesystem::path path, std::span<const TensorInfo> tensors,
                    const SafetensorsMetadata& metadata);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;
  SafetensorsWriter(SafetensorsWriter&&) = delete;
  SafetensorsWriter& operator=(SafetensorsWriter&&) = delete;

  // The bytes of the next tensor. REQUIRES: as many as its shape and dtype say.
  void append(std::span<const std::byte> bytes);
  // Closes the file. REQUIRES: every tensor is appended.
  void finish();

 private:
  void write(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::vector<std::size_t> sizes_bytes_;  // of the tensors, in order
  std::size_t num_appended_ = 0;
  int descriptor_ = -1;
};

struct NamedTensor {
  std::string name;
  TensorView tensor;
};

// Writes tensors that are in memory as one file, replacing it as a whole or not at all.
// REQUIRES: names are unique. Throws Error{kIo}.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const SafetensorsMetadata& metadata = {});

// The number of bytes a tensor takes in a file. REQUIRES: it fits into size_t.
std::size_t stored_size_bytes(const TensorInfo& tensor);

}  // namespace vlm
