#include "tensor/large_pages.h"

#include <memory>

#include <sys/mman.h>

namespace vlm {
namespace {

constexpr std::size_t kLargePageBytes = std::size_t{2} << 20U;

}  // namespace

void prefer_large_pages(std::span<std::byte> bytes) noexcept {
  void* first = bytes.data();
  std::size_t space = bytes.size();
  if (std::align(kLargePageBytes, kLargePageBytes, first, space) == nullptr) return;
  ::madvise(first, space / kLargePageBytes * kLargePageBytes, MADV_HUGEPAGE);
}

}  // namespace vlm
