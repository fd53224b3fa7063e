#pragma once

// Philox4x32-10, a counter-based random generator: the value at a position is a pure function of
// (key, position), so streams need no state and results do not depend on threads or order.
// Salmon et al., SC 2011, "Parallel random numbers: as easy as 1, 2, 3".

#include <array>
#include <cstdint>
#include <string_view>

namespace vlm {

// Multipliers and Weyl constants of Salmon et al., table 2 and section 3.3.
namespace philox {
inline constexpr std::uint32_t kMultiplier0 = 0xD2511F53U;
inline constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57U;
inline constexpr std::uint32_t kWeyl0 = 0x9E3779B9U;
inline constexpr std::uint32_t kWeyl1 = 0xBB67AE85U;
inline constexpr int kRounds = 10;
}  // namespace philox

using PhiloxBlock = std::array<std::uint32_t, 4>;

// The 128 random bits at position (counter, stream) under `key`.
PhiloxBlock philox_block(std::uint64_t key, std::uint64_t counter, std::uint64_t stream) noexcept;

// A key for a named purpose under a seed (FNV-1a of the name, mixed with the seed).
std::uint64_t philox_key(std::uint64_t seed, std::string_view purpose) noexcept;

// Maps 32 random bits to [0, 1), exact multiples of 2^-32.
constexpr double unit_interval(std::uint32_t bits) noexcept {
  return bits * 0x1p-32;
}

// A sequential reader of one stream. Its whole state is `counter`, so it can be saved and restored.
// Not thread-safe; use one stream per thread.
class RandomStream {
 public:
  RandomStream(std::uint64_t key, std::uint64_t stream, std::uint64_t counter = 0) noexcept
      : key_(key), stream_(stream), counter_(counter) {}

  // Uniform on [0, 1) with 53 random bits.
  double uniform() noexcept;
  // Standard normal, by Box and Muller (1958); two uniforms are drawn for each value.
  double normal() noexcept;
  // Uniform on 0 ... bound - 1, without bias (rejection). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) noexcept;

  [[nodiscard]] std::uint64_t counter() const noexcept { return counter_; }

 private:
  std::uint64_t next64() noexcept;

  std::uint64_t key_;
  std::uint64_t stream_;
  std::uint64_t counter_;  // blocks drawn so far
};

}  // namespace vlm
