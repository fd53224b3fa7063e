#pragma once

// A fast hash that tells whether bytes are still the same. Not for bytes that somebody chose.

#include <cstddef>
#include <cstdint>
#include <span>

namespace vlm {

// The same for the same bytes on every machine. Many gigabytes a second.
std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace vlm
