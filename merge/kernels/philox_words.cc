#include "merge/kernels/philox_words.h"

#include <algorithm>
#include <array>
#include <cstddef>

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

using Words = hn::ScalableTag<std::uint32_t>;
using Vector = hn::VFromD<Words>;
constexpr int kHalf = 32;

// The two halves of the products of all lanes.
struct Product {
  Vector high;
  Vector low;
};

HWY_INLINE Product multiply(Vector x, Vector factor) {
  const hn::RepartitionToWide<Words> wide;
  const auto odd_lanes = hn::BitCast(Words(), hn::ShiftRight<kHalf>(hn::BitCast(wide, x)));
  const auto even = hn::MulEven(x, factor);
  const auto odd = hn::MulEven(odd_lanes, factor);
  return {hn::OddEven(hn::BitCast(Words(), odd), hn::BitCast(Words(), hn::ShiftRight<kHalf>(even))),
          hn::OddEven(hn::BitCast(Words(), hn::ShiftLeft<kHalf>(odd)), hn::BitCast(Words(), even))};
}

// Words of as many blocks as a vector has lanes, from block `counter` on. See philox_block().
HWY_INLINE void make_blocks(std::uint64_t key, std::uint64_t counter, std::uint64_t stream,
                            std::uint32_t* out) {
  const Words words;
  const auto low = hn::Set(words, static_cast<std::uint32_t>(counter));
  const auto one = hn::Set(words, 1U);
  Vector x0 = hn::Add(low, hn::Iota(words, 0));
  Vector x1 = hn::Set(words, static_cast<std::uint32_t>(counter >> kHalf));
  x1 = hn::Add(x1, hn::IfThenElseZero(hn::Lt(x0, low), one));  // the lower half ran over
  Vector x2 = hn::Set(words, static_cast<std::uint32_t>(stream));
  Vector x3 = hn::Set(words, static_cast<std::uint32_t>(stream >> kHalf));
  Vector key0 = hn::Set(words, static_cast<std::uint32_t>(key));
  Vector key1 = hn::Set(words, static_cast<std::uint32_t>(key >> kHalf));
  for (int round = 0; round < philox::kRounds; ++round) {
    const Product first = multiply(x0, hn::Set(words, philox::kMultiplier0));
    const Product second = multiply(x2, hn::Set(words, philox::kMultiplier1));
    x0 = hn::Xor(hn::Xor(second.high, x1), key0);
    x2 = hn::Xor(hn::Xor(first.high, x3), key1);
    x1 = second.low;
    x3 = first.low;
    key0 = hn::Add(key0, hn::Set(words, philox::kWeyl0));
    key1 = hn::Add(key1, hn::Set(words, philox::kWeyl1));
  }
  hn::StoreInterleaved4(x0, x1, x2, x3, words, out);
}

// REQUIRES: `first` is a multiple of 4. Returns how many words it made: whole vectors of blocks.
std::size_t philox_vectors(std::uint64_t key, std::uint64_t stream, std::uint64_t first,
                           std::span<std::uint32_t> out) {
  const std::size_t step = 4 * hn::Lanes(Words());
  std::size_t done = 0;
  for (; done + step <= out.size(); done += step) {
    make_blocks(key, (first + done) / 4, stream, &out[done]);
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
