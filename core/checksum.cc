#include "core/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace vlm {
namespace {

// Independent chains, as many as keep a multiplier busy.
constexpr std::size_t kLanes = 8;
constexpr std::size_t kStripeBytes = kLanes * sizeof(std::uint64_t);
constexpr std::uint64_t kPrime = 0x9E3779B185EBCA87U;  // odd, so that a step loses nothing

std::uint64_t step(std::uint64_t state, std::uint64_t word) noexcept {
  return std::rotl((state ^ word) * kPrime, 29);
}

std::uint64_t load(const std::byte* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  std::array<std::uint64_t, kLanes> lanes{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = lane + 1;
  std::size_t done = 0;
  for (; bytes.size() - done >= kStripeBytes; done += kStripeBytes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = step(lanes[lane], load(bytes.data() + done + lane * sizeof(std::uint64_t)));
    }
  }
  std::uint64_t state = bytes.size();
  for (const std::uint64_t lane : lanes) state = step(state, lane);
  for (; done < bytes.size(); ++done)
    state = step(state, std::uint64_t{0xFF} + std::to_integer<std::uint64_t>(bytes[done]));
  return state ^ (state >> 32U);
}

}  // namespace vlm
