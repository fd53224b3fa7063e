#include "core/mapped_pages.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace vlm {

void release_mapped_pages(std::span<const std::byte> bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + bytes.size()) / page * page;
  if (first >= end) return;
  // The system may refuse, which costs memory and changes no value.
  ::madvise(const_cast<std::byte*>(bytes.data()) + (first - begin),  // NOLINT(*-const-cast)
            end - first, MADV_DONTNEED);
}

}  // namespace vlm
