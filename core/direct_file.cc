#include "core/direct_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"
#include "core/system_error.h"

namespace vlm {
namespace {

constexpr std::size_t kLargestCall = std::size_t{1} << 30U;  // Linux moves at most 2 GiB a call

int open_file(const std::filesystem::path& path, DirectFile::Existing existing) {
  constexpr mode_t kReadableByAll = 0644;
  const int refuse = existing == DirectFile::Existing::kRefuse ? O_EXCL : 0;
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_CREAT | refuse | O_CLOEXEC, kReadableByAll);
  if (descriptor < 0) fail_writing("cannot create file", path);
  return descriptor;
}

}  // namespace

DirectFile::DirectFile(std::filesystem::path path, std::size_t size_bytes, Existing existing)
    : path_(std::move(path)),
      cached_(open_file(path_, existing)),
      direct_(::open(path_.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)) {
  const auto size = static_cast<off_t>(size_bytes);
  if (::ftruncate(cached_.number(), size) != 0) fail_writing("cannot write file", path_);
  if (size_bytes == 0 || ::fallocate(cached_.number(), 0, 0, size) == 0) return;
  if (errno != EOPNOTSUPP && errno != EINTR) fail_writing("cannot write file", path_);
}

void DirectFile::write(std::size_t offset_bytes, std::span<const std::byte> bytes) const {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const bool fits = direct_.is_open() && (address - offset_bytes) % kBlockBytes == 0;
  const std::size_t head = std::min(bytes.size(), bytes_to_block(offset_bytes));
  const std::size_t body = (bytes.size() - head) / kBlockBytes * kBlockBytes;
  if (!fits || body < kLeastDirectBytes) return write_cached(offset_bytes, bytes);
  copy(offset_bytes, bytes.first(head));
  const std::size_t done = head + write_direct(offset_bytes + head, bytes.subspan(head, body));
  copy(offset_bytes + done, bytes.subspan(done));
}

// Returns the bytes that were written: fewer if the system wants others than blocks.
std::size_t DirectFile::write_direct(std::size_t offset_bytes,
                                     std::span<const std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size() && done % kBlockBytes == 0) {
    const std::span<const std::byte> left = bytes.subspan(done);
    const ssize_t count =
        ::pwrite(direct_.number(), left.data(), std::min(left.size(), kLargestCall),
                 static_cast<off_t>(offset_bytes + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EINVAL) return done;
    if (count < 0) fail_writing("cannot write file", path_);
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void DirectFile::write_cached(std::size_t offset_bytes, std::span<const std::byte> bytes) const {
  copy(offset_bytes, bytes);
  // A system that refuses flushes later.
  ::sync_file_range(cached_.number(), static_cast<off_t>(offset_bytes),
                    static_cast<off_t>(bytes.size()), SYNC_FILE_RANGE_WRITE);
}

void DirectFile::copy(std::size_t offset_bytes, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(cached_.number(), bytes.data(), std::min(bytes.size(), kLargestCall),
                 static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_writing("cannot write file", path_);
    offset_bytes += static_cast<std::size_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void DirectFile::read(std::size_t offset_bytes, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pread(cached_.number(), bytes.data(), std::min(bytes.size(), kLargestCall),
                static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_writing("cannot read file", path_);
    if (count == 0) throw Error(ErrorCode::kIo, "file ended early: " + path_.string());
    offset_bytes += static_cast<std::size_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace vlm
