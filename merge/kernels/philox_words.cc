#include "merge/kernels/philox_words.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "core/philox.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/philox_words.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

// Of each lane the lower 32 bits count; the upper ones are what products leave there.
using Lanes = hn::ScalableTag<std::uint64_t>;
using Vector = hn::VFromD<Lanes>;
using Words = hn::Repartition<std::uint32_t, Lanes>;
constexpr int kHalf = 32;
constexpr std::size_t kTogether = 4;  // vectors of blocks, so that products wait less for others

struct RoundKeys {
  std::array<Vector, philox::kRounds> first;
  std::array<Vector, philox::kRounds> second;

  explicit RoundKeys(std::uint64_t key) {
    auto low = static_cast<std::uint32_t>(key);
    auto high = static_cast<std::uint32_t>(key >> kHalf);
    for (std::size_t round = 0; round < philox::kRounds; ++round) {
      first[round] = hn::Set(Lanes(), low);
      second[round] = hn::Set(Lanes(), high);
      low += philox::kWeyl0;
      high += philox::kWeyl1;
    }
  }
};

HWY_INLINE Vector multiply(Vector x, std::uint32_t factor) {
  return hn::MulEven(hn::BitCast(Words(), x), hn::Set(Words(), factor));
}

// Two words of each lane's block.
HWY_INLINE Vector join(Vector first, Vector second) {
  return hn::BitCast(Lanes(), hn::OddEven(hn::BitCast(Words(), hn::ShiftLeft<kHalf>(second)),
                                          hn::BitCast(Words(), first)));
}

// Words of kTogether blocks for each lane, from block `counter` on. See philox_block().
HWY_INLINE void make_blocks(const RoundKeys& keys, std::uint64_t counter, std::uint64_t stream,
                            std::uint32_t* out) {
  const Lanes lanes;
  const std::size_t size = hn::Lanes(lanes);
  std::array<Vector, kTogether> x0;
  std::array<Vector, kTogether> x1;
  std::array<Vector, kTogether> x2;
  std::array<Vector, kTogether> x3;
  for (std::size_t j = 0; j < kTogether; ++j) {
    // Numbers from a constant one on: others would be stored one by one and loaded again.
    x0[j] = hn::Add(hn::Iota(lanes, 0), hn::Set(lanes, counter + j * size));
    x1[j] = hn::ShiftRight<kHalf>(x0[j]);
    x2[j] = hn::Set(lanes, stream);
    x3[j] = hn::Set(lanes, stream >> kHalf);
  }
  for (std::size_t round = 0; round < philox::kRounds; ++round) {
    for (std::size_t j = 0; j < kTogether; ++j) {
      const auto first = multiply(x0[j], philox::kMultiplier0);
      const auto second = multiply(x2[j], philox::kMultiplier1);
      x0[j] = hn::Xor3(hn::ShiftRight<kHalf>(second), x1[j], keys.first[round]);
      x2[j] = hn::Xor3(hn::ShiftRight<kHalf>(first), x3[j], keys.second[round]);
      x1[j] = second;
      x3[j] = first;
    }
  }
  alignas(64)
      std::uint64_t pairs[2 * kTogether * hn::MaxLanes(Lanes())];  // `out` may be at any word
  for (std::size_t j = 0; j < kTogether; ++j) {
    hn::StoreInterleaved2(join(x0[j], x1[j]), join(x2[j], x3[j]), lanes, pairs + 2 * j * size);
  }
  std::memcpy(out, pairs, 2 * kTogether * size * sizeof(std::uint64_t));
}

// REQUIRES: `first` is a multiple of 4. Returns how many words it made: whole vectors of blocks.
std::size_t philox_vectors(std::uint64_t key, std::uint64_t stream, std::uint64_t first,
                           std::span<std::uint32_t> out) {
  const RoundKeys keys(key);
  const std::size_t step = 4 * kTogether * hn::Lanes(Lanes());
  std::size_t done = 0;
  for (; done + step <= out.size(); done += step) {
    make_blocks(keys, (first + done) / 4, stream, &out[done]);
  }
  return done;
}

#else

// Without vectors there is nothing to gain.
std::size_t philox_vectors(std::uint64_t /*key*/, std::uint64_t /*stream*/, std::uint64_t /*first*/,
                           std::span<std::uint32_t> /*out*/) {
  return 0;
}

#endif

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

void philox_one_by_one(std::uint64_t key, std::uint64_t stream, std::uint64_t first,
                       std::span<std::uint32_t> out) noexcept {
  for (std::size_t done = 0; done < out.size();) {
    const std::uint64_t place = first + done;
    const PhiloxBlock block = philox_block(key, place / 4, stream);
    for (std::size_t i = place % 4; i < 4 && done < out.size(); ++i) out[done++] = block[i];
  }
}

}  // namespace

HWY_EXPORT(philox_vectors);

void philox_words(std::uint64_t key, std::uint64_t stream, std::uint64_t first,
                  std::span<std::uint32_t> out) noexcept {
  const std::size_t odd = std::min<std::size_t>(out.size(), (4 - first % 4) % 4);
  philox_one_by_one(key, stream, first, out.first(odd));
  first += odd;
  out = out.subspan(odd);
  const std::size_t made = HWY_DYNAMIC_DISPATCH(philox_vectors)(key, stream, first, out);
  philox_one_by_one(key, stream, first + made, out.subspan(made));
}

}  // namespace vlm
#endif
