#pragma once

// Long runs of Philox words, many blocks at a time.

#include <cstdint>
#include <span>

namespace vlm {

// Words [first, first + out.size()) of a stream: word i is number i mod 4 of philox_block() at
// counter i / 4.
void philox_words(std::uint64_t key, std::uint64_t stream, std::uint64_t first,
                  std::span<std::uint32_t> out) noexcept;

}  // namespace vlm
