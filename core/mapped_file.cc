#include "core/mapped_file.h"

#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/system_error.h"

namespace vlm {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.is_open()) fail_with_errno("cannot open file", path);
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) fail_with_errno("cannot read file status", path);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kIo, "not a regular file: " + path.string());
  }
  size_bytes_ = static_cast<std::size_t>(status.st_size);
  state_ = file_state(descriptor.number(), path);
  if (size_bytes_ == 0) return;  // mmap refuses a length of 0
  void* mapped = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, descriptor.number(), 0);
  if (mapped == MAP_FAILED) fail_with_errno("cannot map file", path);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_bytes_);  // NOLINT(*-const-cast)
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)),
      state_(std::move(other.state_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(state_, other.state_);
  return *this;
}

}  // namespace vlm
