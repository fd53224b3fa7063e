#include "core/mapped_pages.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace vlm {

namespace {

std::uintptr_t page_bytes() noexcept {
  return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
}

// Files are mostly in the cache as a whole or not at all, and asking takes time too.
constexpr std::size_t kLookBytes = std::size_t{1} << 20U;
// Linux takes no more of one request than it reads ahead by itself: 128 KiB unless told otherwise.
constexpr std::size_t kRequestBytes = std::size_t{1} << 17U;

// By the first page. REQUIRES: the beginning of a page.
void fetch_unless_cached(std::byte* first, std::size_t size_bytes) noexcept {
  unsigned char is_cached = 0;
  if (::mincore(first, 1, &is_cached) == 0 && (is_cached & 1U) != 0) return;
  for (std::size_t done = 0; done < size_bytes; done += kRequestBytes) {
    // The system may refuse: then the bytes are read when they are needed.
    ::madvise(first + done, std::min(kRequestBytes, size_bytes - done), MADV_WILLNEED);
  }
}

}  // namespace

void release_mapped_pages(std::span<const std::byte> bytes) noexcept {
  const std::uintptr_t page = page_bytes();
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + bytes.size()) / page * page;
  if (first >= end) return;
  // The system may refuse, which costs memory and changes no value.
  ::madvise(const_cast<std::byte*>(bytes.data()) + (first - begin),  // NOLINT(*-const-cast)
            end - first, MADV_DONTNEED);
}

void fetch_mapped_pages(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return;
  const std::size_t before = reinterpret_cast<std::uintptr_t>(bytes.data()) % page_bytes();
  auto* const first = const_cast<std::byte*>(bytes.data()) - before;  // NOLINT(*-const-cast)
  const std::size_t size_bytes = bytes.size() + before;
  for (std::size_t done = 0; done < size_bytes; done += kLookBytes) {
    fetch_unless_cached(first + done, std::min(kLookBytes, size_bytes - done));
  }
}

}  // namespace vlm
