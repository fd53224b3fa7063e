#include "checkpoint/safetensors_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

constexpr std::size_t kLengthBytes = 8;

[[noreturn]] void fail_with_errno(const char* what, const std::filesystem::path& path) {
  const int reason = errno;
  throw Error(ErrorCode::kIo, std::string(what) + ": " + path.string() + ": " +
                                  std::generic_category().message(reason));
}

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
                                     const SafetensorsMetadata& metadata)
    : path_(std::move(path)) {
  for (const TensorInfo& tensor : tensors) sizes_bytes_.push_back(stored_size_bytes(tensor));
  const std::string header = header_bytes(tensors, metadata);
  constexpr mode_t kReadableByAll = 0644;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kReadableByAll);
  if (descriptor_ < 0) fail_with_errno("cannot create file", path_);
  try {
    write(std::as_bytes(std::span(header)));
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  check(num_appended_ < sizes_bytes_.size() && bytes.size() == sizes_bytes_[num_appended_],
        "SafetensorsWriter::append: the size of the next tensor");
  write(bytes);
  ++num_appended_;
}

void SafetensorsWriter::finish() {
  check(num_appended_ == sizes_bytes_.size(), "SafetensorsWriter::finish: all tensors appended");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_with_errno("cannot close file", path_);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30U;  // Linux writes at most 2 GiB a call
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno("cannot write file", path_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
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
  for (const NamedTensor& named : tensors) writer.append(named.tensor.bytes);
  writer.finish();
  file.commit();
}

}  // namespace vlm
