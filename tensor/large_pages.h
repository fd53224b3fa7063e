#pragma once

#include <cstddef>
#include <span>

namespace vlm {

// Asks the system for pages of 2 MiB where `bytes` fills them: prefetching stops at the end of a
// page, so weights are read faster from large ones. To be called before the memory is first written
// to. A system without such pages gives small ones.
void prefer_large_pages(std::span<std::byte> bytes) noexcept;

}  // namespace vlm
