#include "checkpoint/safetensors_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/system_error.h"

namespace vlm {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kLargestCall = std::size_t{1} << 30U;  // Linux moves at most 2 GiB a call

// Length and JSON of the header, padded with blanks so that the data begins at a multiple of 8.
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
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  std::string length(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length[i] = static_cast<char>((std::uint64_t{text.size()} >> (8 * i)) & 0xFFU);
  }
  return length + text;
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
    : path_(std::move(path)) {
  const std::string header = header_bytes(tensors, metadata);
  begins_bytes_.push_back(header.size());
  for (const TensorInfo& tensor : tensors) {
    begins_bytes_.push_back(begins_bytes_.back() + stored_size_bytes(tensor));
  }
  constexpr mode_t kReadableByAll = 0644;
  const int refuse = existing == Existing::kRefuse ? O_EXCL : 0;
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | refuse | O_CLOEXEC, kReadableByAll);
  if (descriptor_ < 0) fail_writing("cannot create file", path_);
  try {
    write_at(0, std::as_bytes(std::span(header)));
    if (::ftruncate(descriptor_, static_cast<off_t>(begins_bytes_.back())) != 0) {
      fail_writing("cannot write file", path_);
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
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
  const std::size_t offset_bytes = place(tensor, first, bytes.size());
  write_at(offset_bytes, bytes);
  // Begins to flush; a system that refuses flushes later.
  ::sync_file_range(descriptor_, static_cast<off_t>(offset_bytes), static_cast<off_t>(bytes.size()),
                    SYNC_FILE_RANGE_WRITE);
}

void SafetensorsWriter::read(std::size_t tensor, std::size_t first,
                             std::span<std::byte> bytes) const {
  std::size_t offset_bytes = place(tensor, first, bytes.size());
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor_, bytes.data(), std::min(bytes.size(), kLargestCall),
                                  static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_writing("cannot read file", path_);
    if (count == 0) throw Error(ErrorCode::kIo, "file ended early: " + path_.string());
    offset_bytes += static_cast<std::size_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void SafetensorsWriter::finish() {
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_writing("cannot close file", path_);
}

void SafetensorsWriter::write_at(std::size_t offset_bytes, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), std::min(bytes.size(), kLargestCall),
                                   static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_writing("cannot write file", path_);
    offset_bytes += static_cast<std::size_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
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
  writer.finish();
  file.commit();
}

}  // namespace vlm
