#include "merge/kernels/random_rivals.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>

#include "core/check.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/rival_choice.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/random_rivals.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "merge/kernels/vector_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kChunk = 1024;  // words that are looked at before some of their entries
constexpr std::size_t kVector = HWY_MAX_BYTES / sizeof(std::uint32_t);

// Entries whose words lie between the bounds, with their words.
struct Contests {
  std::array<std::uint32_t, kChunk + kVector> entries{};
  std::array<std::uint32_t, kChunk + kVector> words{};
  std::size_t size = 0;
};

// Those of entries [first, first + words.size()), at most a chunk.
void find_contests(std::size_t first, std::span<const std::uint32_t> words,
                   const WordBounds& bounds, Contests& found) {
  const hn::ScalableTag<std::uint32_t> tag;
  const std::size_t lanes = hn::Lanes(tag);
  auto entry = hn::Iota(tag, static_cast<std::uint32_t>(first));
  std::size_t size = 0;
  std::size_t i = 0;
  for (; i + lanes <= words.size(); i += lanes) {
    const auto word = hn::LoadU(tag, words.data() + i);
    const auto is_between =
        hn::AndNot(hn::Lt(word, hn::Set(tag, bounds.low)), hn::Lt(word, hn::Set(tag, bounds.high)));
    hn::StoreU(compress(tag, entry, is_between), tag, found.entries.data() + size);
    hn::StoreU(compress(tag, word, is_between), tag, found.words.data() + size);
    size += hn::CountTrue(tag, is_between);
    entry = hn::Add(entry, hn::Set(tag, static_cast<std::uint32_t>(lanes)));
  }
  for (; i < words.size(); ++i) {
    found.entries[size] = static_cast<std::uint32_t>(first + i);
    found.words[size] = words[i];
    size += words[i] >= bounds.low && words[i] < bounds.high ? 1 : 0;
  }
  found.size = size;
}

// The upper halves of 64-bit products.
template <typename Tag>
HWY_INLINE Vector<Tag> multiply_high(Tag tag, Vector<Tag> values, std::uint32_t factor) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(tag,
                 static_cast<std::uint32_t>((std::uint64_t{hn::GetLane(values)} * factor) >> 32U));
#else
  const hn::Repartition<std::uint64_t, Tag> wide;
  const auto factors = hn::Set(tag, factor);
  const auto even = hn::MulEven(values, factors);
  const auto odd =
      hn::MulEven(hn::BitCast(tag, hn::ShiftRight<32>(hn::BitCast(wide, values))), factors);
  return hn::OddEven(hn::BitCast(tag, odd), hn::BitCast(tag, hn::ShiftRight<32>(even)));
#endif
}

// Writes the entries that are not before their rivals to `losers`, which has room for a vector
// more, and returns how many they are.
std::size_t find_losers(std::span<const float> row, const Contests& contests,
                        const RivalChoice& choice, std::uint32_t* losers) {
  const hn::ScalableTag<std::uint32_t> tag;
  const hn::RebindToSigned<decltype(tag)> signed_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto* const values = reinterpret_cast<const std::int32_t*>(row.data());
  const auto magnitude = hn::Set(signed_tag, 0x7FFFFFFF);
  const auto last = hn::Set(tag, static_cast<std::uint32_t>(row.size() - 2));
  std::size_t size = 0;
  for (std::size_t i = 0; i < contests.size; i += lanes) {
    const auto word = hn::LoadU(tag, contests.words.data() + i);
    const auto entry = hn::BitCast(signed_tag, hn::LoadU(tag, contests.entries.data() + i));
    const auto beyond = hn::ShiftLeftSame(hn::Sub(word, hn::Set(tag, choice.low)), choice.left);
    const auto place = hn::ShiftRightSame(multiply_high(tag, beyond, choice.factor), choice.right);
    // What lies behind the last contest points anywhere.
    const auto among_others = hn::BitCast(signed_tag, hn::Min(place, last));
    const auto is_behind = hn::Lt(among_others, entry);  // the entry itself is not among them
    const auto rival =
        hn::IfThenElse(is_behind, among_others, hn::Add(among_others, hn::Set(signed_tag, 1)));
    const auto own = hn::And(hn::GatherIndex(signed_tag, values, entry), magnitude);
    const auto others = hn::And(hn::GatherIndex(signed_tag, values, rival), magnitude);
    const auto loses = hn::Or(hn::Lt(own, others), hn::And(hn::Eq(own, others), is_behind));
    const auto counts = hn::And(loses, hn::FirstN(signed_tag, contests.size - i));
    hn::StoreU(compress(tag, hn::BitCast(tag, entry), hn::RebindMask(tag, counts)), tag,
               losers + size);
    size += hn::CountTrue(signed_tag, counts);
  }
  return size;
}

std::size_t find_all_losers(std::span<const float> row, std::span<const std::uint32_t> words,
                            const WordBounds& bounds, std::uint32_t* losers) {
  const RivalChoice choice = choose_rivals(row.size(), bounds);
  Contests contests;  // also what is behind the last is read
  std::size_t size = 0;
  for (std::size_t first = 0; first < row.size(); first += kChunk) {
    find_contests(first, words.subspan(first, std::min(kChunk, row.size() - first)), bounds,
                  contests);
    size += find_losers(row, contests, choice, losers + size);
  }
  return size;
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(find_all_losers);

constexpr std::size_t kRoomOfVector = 16;  // elements of the longest of all instruction sets

}  // namespace

void keep_by_rivals(std::span<float> row, std::span<const std::uint32_t> words,
                    const WordBounds& bounds) {
  check(row.size() == words.size() && row.size() < 0x7FFFFFFFU && bounds.low <= bounds.high &&
            (row.size() != 1 || bounds.low == bounds.high),
        "keep_by_rivals: a word for each entry, and others to be its rivals");
  const auto losers = std::make_unique_for_overwrite<std::uint32_t[]>(row.size() + kRoomOfVector);
  std::size_t num_losers = 0;
  if (bounds.low < bounds.high) {
    num_losers = HWY_DYNAMIC_DISPATCH(find_all_losers)(row, words, bounds, losers.get());
  }
  zero_unless_below(row, words, bounds.high);
  for (const std::uint32_t entry : std::span(losers.get(), num_losers)) row[entry] = 0;
}

}  // namespace vlm
#endif
