#include "core/overflow_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/system_error.h"

namespace vlm {
namespace {

// All blocks are reserved: a full disk is an error now, not a signal when the memory is written.
void reserve(const Descriptor& file, std::size_t bytes, const std::filesystem::path& folder) {
  errno = ::posix_fallocate(file.number(), 0, static_cast<off_t>(bytes));
  if (errno != 0) fail_writing("no room on the disk for what does not fit into memory", folder);
}

}  // namespace

OverflowMemory::OverflowMemory(std::size_t budget_bytes, std::filesystem::path folder)
    : budget_bytes_(budget_bytes), folder_(std::move(folder)) {}

std::size_t OverflowMemory::most_file_bytes() const {
  const std::lock_guard lock(mutex_);
  return most_file_bytes_;
}

bool OverflowMemory::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > budget_bytes_ - memory_bytes_) return false;
  memory_bytes_ += bytes;
  return true;
}

void* OverflowMemory::map_file(std::size_t bytes) {
  std::string name = (folder_ / ".vlm-merge-XXXXXX").string();
  const Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open())
    fail_writing("cannot make a file for what does not fit into memory", folder_);
  ::unlink(name.c_str());
  reserve(file, bytes, folder_);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
  if (mapped == MAP_FAILED) fail_with_errno("cannot map file", name);
  return mapped;
}

void* OverflowMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (take(bytes)) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  void* mapped = map_file(bytes);
  const std::lock_guard lock(mutex_);
  files_.emplace(mapped, bytes);
  file_bytes_ += bytes;
  most_file_bytes_ = std::max(most_file_bytes_, file_bytes_);
  return mapped;
}

void OverflowMemory::do_deallocate(void* pointer, std::size_t bytes, std::size_t alignment) {
  {
    const std::lock_guard lock(mutex_);
    if (files_.erase(pointer) == 0) {
      memory_bytes_ -= bytes;
    } else {
      file_bytes_ -= bytes;
      ::munmap(pointer, bytes);
      return;
    }
  }
  std::pmr::new_delete_resource()->deallocate(pointer, bytes, alignment);
}

}  // namespace vlm
