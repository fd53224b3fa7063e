#pragma once

// Writing safetensors files, one tensor after the other, so that a file may be larger than memory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/direct_file.h"
#include "tensor/tensor_view.h"

namespace vlm {

using SafetensorsMetadata = std::map<std::string, std::string>;

// A file that gets its header and its size at once, and its tensors in any order. Not atomic: write
// into an AtomicDirectory. Throws Error{kIo} naming the file, e.g. when the disk is full.
class SafetensorsWriter {
 public:
  using Existing = DirectFile::Existing;

  // The names of `tensors` are those for the file. REQUIRES: names are unique.
  SafetensorsWriter(std::filesystem::path path, std::span<const TensorInfo> tensors,
                    const SafetensorsMetadata& metadata, Existing existing = Existing::kRefuse);

  // Bytes of a tensor (number `tensor` of the constructor's), from byte `first` of it on. May be
  // called from several threads at once. The system's cache of files is passed by if an address is
  // equal to address_offset() modulo DirectFile::kBlockBytes. REQUIRES: inside the tensor.
  void write(std::size_t tensor, std::size_t first, std::span<const std::byte> bytes) const;
  // Reads back what was written there.
  void read(std::size_t tensor, std::size_t first, std::span<std::byte> bytes) const;
  // What the address of the bytes from `first` on should be, modulo DirectFile::kBlockBytes.
  [[nodiscard]] std::size_t address_offset(std::size_t tensor, std::size_t first) const;

 private:
  SafetensorsWriter(const std::string& header, std::filesystem::path path,
                    std::span<const TensorInfo> tensors, Existing existing);
  [[nodiscard]] std::size_t place(std::size_t tensor, std::size_t first, std::size_t size) const;

  std::vector<std::size_t> begins_bytes_;  // of the tensors in the file, and the end of the last
  DirectFile file_;
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
