#include "checkpoint/safetensors_writer.h"

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"
#include "core/check.h"
#include "core/files.h"

namespace vlm {
namespace {

// Length and JSON of the header, padded with blanks so that the data begins with a block of the
// file.
std::string header_bytes(std::span<const TensorInfo> tensors, const SafetensorsMetadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset_bytes = 0;
  for (const TensorInfo& tensor : tensors) {
    check(!header.contains(tensor.name), "SafetensorsWriter: unique names");
    const std::size_t begin_bytes = offset_bytes;
    const bool overflow =
        __builtin_add_overflow(offset_bytes, stored_size_bytes(tensor), &offset_bytes);
    check(!overflow, "SafetensorsWriter: the file size fits into size_t");
    header[tensor.name] = {{"dtype", safetensors_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin_bytes, offset_bytes}}};
  }
  std::string text = header.dump();
  text.append(DirectFile::bytes_to_block(kHeaderLengthBytes + text.size()), ' ');
  std::string length(kHeaderLengthBytes, '\0');
  for (std::size_t i = 0; i < kHeaderLengthBytes; ++i) {
    length[i] = static_cast<char>((std::uint64_t{text.size()} >> (8 * i)) & 0xFFU);
  }
  return length + text;
}

// Where the tensors begin, and where the last ends.
std::vector<std::size_t> places(std::span<const TensorInfo> tensors, std::size_t header_size) {
  std::vector<std::size_t> begins{header_size};
  for (const TensorInfo& tensor : tensors) {
    begins.push_back(begins.back() + stored_size_bytes(tensor));
  }
  return begins;
}

}  // namespace

std::size_t stored_size_bytes(const TensorInfo& tensor) {
  const auto count = element_count(tensor.shape);
  std::size_t size_bytes = 0;
  const bool fits =
      count && !__builtin_mul_overflow(*count, element_size_bytes(tensor.dtype), &size_bytes);
  check(fits, "stored_size_bytes: fits into size_t");
  return size_bytes;
}

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path,
                                     std::span<const TensorInfo> tensors,
                                     const SafetensorsMetadata& metadata, Existing existing)
    : SafetensorsWriter(header_bytes(tensors, metadata), std::move(path), tensors, existing) {}

SafetensorsWriter::SafetensorsWriter(const std::string& header, std::filesystem::path path,
                                     std::span<const TensorInfo> tensors, Existing existing)
    : begins_bytes_(places(tensors, header.size())),
      file_(std::move(path), begins_bytes_.back(), existing) {
  file_.write(0, std::as_bytes(std::span(header)));
}

std::size_t SafetensorsWriter::place(std::size_t tensor, std::size_t first,
                                     std::size_t size) const {
  check(tensor + 1 < begins_bytes_.size(), "SafetensorsWriter: a tensor of the file");
  const std::size_t tensor_bytes = begins_bytes_[tensor + 1] - begins_bytes_[tensor];
  check(first <= tensor_bytes && size <= tensor_bytes - first,
        "SafetensorsWriter: bytes inside of the tensor");
  return begins_bytes_[tensor] + first;
}

void SafetensorsWriter::write(std::size_t tensor, std::size_t first,
                              std::span<const std::byte> bytes) const {
  file_.write(place(tensor, first, bytes.size()), bytes);
}

void SafetensorsWriter::read(std::size_t tensor, std::size_t first,
                             std::span<std::byte> bytes) const {
  file_.read(place(tensor, first, bytes.size()), bytes);
}

std::size_t SafetensorsWriter::address_offset(std::size_t tensor, std::size_t first) const {
  return place(tensor, first, 0) % DirectFile::kBlockBytes;
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const SafetensorsMetadata& metadata) {
  std::vector<TensorInfo> infos;
  for (const NamedTensor& named : tensors) {
    infos.push_back({.name = named.name, .dtype = named.tensor.dtype, .shape = named.tensor.shape});
  }
  AtomicFile file(path);
  SafetensorsWriter writer(file.path(), infos, metadata);
  for (std::size_t i = 0; i < tensors.size(); ++i) writer.write(i, 0, tensors[i].tensor.bytes);
  file.commit();
}

}  // namespace vlm
