#include "core/overflow_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/system_error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLeastMappedBytes = std::size_t{1} << 20U;  // of what the heap does not hold

// All blocks are reserved: a full disk is an error now, not a signal when the memory is written.
void reserve(const Descriptor& file, std::size_t bytes, const fs::path& folder) {
  do {
    errno = ::posix_fallocate(file.number(), 0, static_cast<off_t>(bytes));
  } while (errno == EINTR);
  if (errno != 0) fail_writing("no room on the disk for what does not fit into memory", folder);
}

// A file without a name.
int open_unnamed(const fs::path& folder) {
  std::string name = (folder / ".vlm-merge-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0 || ::unlink(name.c_str()) != 0) {
    fail_writing("cannot make a file for what does not fit into memory", folder);
  }
  return file;
}

}  // namespace

// Memory whose end may be that of a file. It goes back to the system as a whole, where an allocator
// would keep some.
class OverflowMemory::Mapping {
 public:
  explicit Mapping(std::size_t bytes)
      : begin_(map(nullptr, bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1)),
        size_bytes_(bytes) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Mapping() {
    if (begin_ != nullptr) ::munmap(begin_, size_bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Mapping(Mapping&&) = delete;
  Mapping& operator=(Mapping&&) = delete;

  // From there to the end.
  void put_file(std::size_t first_byte, const Descriptor& file, const fs::path& folder) {
    void* const place = static_cast<std::byte*>(begin_) + first_byte;
    if (map(place, size_bytes_ - first_byte, MAP_SHARED | MAP_FIXED, file.number()) == MAP_FAILED) {
      fail_writing("cannot map a file for what does not fit into memory", folder);
    }
  }
  [[nodiscard]] void* begin() const noexcept { return begin_; }
  void release() noexcept { begin_ = nullptr; }

 private:
  static void* map(void* place, std::size_t bytes, int flags, int file) noexcept {
    return ::mmap(place, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  }

  void* begin_;
  std::size_t size_bytes_;
};

OverflowMemory::OverflowMemory(std::size_t budget_bytes, fs::path folder)
    : budget_bytes_(budget_bytes), folder_(folder.empty() ? fs::path(".") : std::move(folder)) {}

std::size_t OverflowMemory::most_file_bytes() const {
  const std::lock_guard lock(mutex_);
  return most_file_bytes_;
}

OverflowMemory::Split OverflowMemory::take(std::size_t bytes) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::lock_guard lock(mutex_);
  const std::size_t left = budget_bytes_ - memory_bytes_;
  const std::size_t in_memory = bytes <= left ? bytes : left / page_bytes * page_bytes;
  const Split split{in_memory, bytes - in_memory};
  memory_bytes_ += split.memory_bytes;
  file_bytes_ += split.file_bytes;
  most_file_bytes_ = std::max(most_file_bytes_, file_bytes_);
  return split;
}

void OverflowMemory::give_back(const Split& split) noexcept {
  const std::lock_guard lock(mutex_);
  memory_bytes_ -= split.memory_bytes;
  file_bytes_ -= split.file_bytes;
}

void* OverflowMemory::allocate_split(const Split& split, std::size_t alignment) {
  if (split.file_bytes == 0 && split.memory_bytes < kLeastMappedBytes) {
    return std::pmr::new_delete_resource()->allocate(split.memory_bytes, alignment);
  }
  std::optional<Descriptor> file;  // first: a disk without room is told before anything else
  if (split.file_bytes != 0) {
    file.emplace(open_unnamed(folder_));
    reserve(*file, split.file_bytes, folder_);
  }
  Mapping mapping(split.memory_bytes + split.file_bytes);
  if (file) mapping.put_file(split.memory_bytes, *file, folder_);
  const std::lock_guard lock(mutex_);
  mapped_.emplace(mapping.begin(), split);
  void* const begin = mapping.begin();
  mapping.release();
  return begin;
}

void* OverflowMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const Split split = take(bytes);
  try {
    return allocate_split(split, alignment);
  } catch (...) {
    give_back(split);
    throw;
  }
}

void OverflowMemory::do_deallocate(void* pointer, std::size_t bytes, std::size_t alignment) {
  const auto mapped = [&] {
    const std::lock_guard lock(mutex_);
    return mapped_.extract(pointer);
  }();
  if (mapped) {
    ::munmap(pointer, bytes);
  } else {
    std::pmr::new_delete_resource()->deallocate(pointer, bytes, alignment);
  }
  give_back(mapped ? mapped.mapped() : Split{bytes, 0});
}

}  // namespace vlm
