#include "core/mapped_file.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/error.h"

namespace vlm {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int error_number) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  throw Error(code, std::string(what) + ": " + path.string() + ": " +
                        std::generic_category().message(error_number));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.is_open()) fail("cannot open file", path, errno);
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) fail("cannot read file status", path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kIo, "not a regular file: " + path.string());
  }
  size_bytes_ = static_cast<std::size_t>(status.st_size);
  state_ = file_state(descriptor.number(), path);
  if (size_bytes_ == 0) return;  // mmap refuses a length of 0
  void* mapped = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, descriptor.number(), 0);
  if (mapped == MAP_FAILED) fail("cannot map file", path, errno);
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
