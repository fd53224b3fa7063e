#pragma once

// Pages of mapped files: which the system should have at hand. Those that a process has read count
// as its memory until they are given back.

#include <cstddef>
#include <span>

namespace vlm {

// Gives back the pages that lie wholly inside these bytes. They keep their values and come back,
// from the system's cache of files, when they are read again. Any thread may be reading them.
// REQUIRES: bytes of a MappedFile.
void release_mapped_pages(std::span<const std::byte> bytes) noexcept;

// Asks the system to begin reading these bytes into its cache of files, if they are not there yet;
// does not wait for them. REQUIRES: bytes of a MappedFile.
void fetch_mapped_pages(std::span<const std::byte> bytes) noexcept;

}  // namespace vlm
