#include "core/philox.h"

#include <cmath>
#include <numbers>

#include "core/check.h"

namespace vlm {
namespace {

constexpr std::uint32_t low32(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high32(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value >> 32U);
}

// The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): every input bit changes every output
// bit.
constexpr std::uint64_t mix64(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

}  // namespace

PhiloxBlock philox_block(std::uint64_t key, std::uint64_t counter, std::uint64_t stream) noexcept {
  PhiloxBlock block{low32(counter), high32(counter), low32(stream), high32(stream)};
  std::uint32_t key0 = low32(key);
  std::uint32_t key1 = high32(key);
  for (int round = 0; round < philox::kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{philox::kMultiplier0} * block[0];
    const std::uint64_t product1 = std::uint64_t{philox::kMultiplier1} * block[2];
    block = {high32(product1) ^ block[1] ^ key0, low32(product1),
             high32(product0) ^ block[3] ^ key1, low32(product0)};
    key0 += philox::kWeyl0;
    key1 += philox::kWeyl1;
  }
  return block;
}

std::uint64_t philox_key(std::uint64_t seed, std::string_view purpose) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char letter : purpose) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3ULL;
  }
  return mix64(hash ^ mix64(seed + 0x9E3779B97F4A7C15ULL));
}

std::uint64_t RandomStream::next64() noexcept {
  const PhiloxBlock block = philox_block(key_, counter_++, stream_);
  return (std::uint64_t{block[1]} << 32U) | block[0];
}

double RandomStream::uniform() noexcept {
  return static_cast<double>(next64() >> 11U) * 0x1p-53;
}

double RandomStream::normal() noexcept {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t RandomStream::below(std::uint64_t bound) noexcept {
  check(bound > 0, "RandomStream::below: bound > 0");
  const std::uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound
  std::uint64_t value = next64();
  while (value < rejected) value = next64();
  return value % bound;
}

}  // namespace vlm
