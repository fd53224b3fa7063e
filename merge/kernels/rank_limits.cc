#include "merge/kernels/rank_limits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <vector>

#include "core/check.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/rank_limits.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Magnitude bits are below 2^31, so that signed comparisons do, which all instruction sets have.
void make_bins(std::span<const float> row, std::int32_t last_bin, std::uint32_t* __restrict bits,
               std::uint16_t* __restrict bins) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    bits[i] = std::bit_cast<std::uint32_t>(row[i]) & 0x7FFFFFFFU;
    largest = std::max(largest, static_cast<std::int32_t>(bits[i]));
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto distance = (largest - static_cast<std::int32_t>(bits[i])) >> 16;
    bins[i] = static_cast<std::uint16_t>(std::min(distance, last_bin));
  }
}

// Writes the indices of words in [low, high) to `found` and returns how many they are. `found` has
// room for a vector more.
std::size_t find_between(std::span<const std::uint32_t> words, std::uint32_t low,
                         std::uint32_t high, std::uint32_t* found) {
  const hn::ScalableTag<std::uint32_t> tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t size = 0;
  std::size_t i = 0;
  for (; i + lanes <= words.size(); i += lanes) {
    const auto word = hn::LoadU(tag, words.data() + i);
    const auto is_between =
        hn::AndNot(hn::Lt(word, hn::Set(tag, low)), hn::Lt(word, hn::Set(tag, high)));
    const auto index = hn::Iota(tag, static_cast<std::uint32_t>(i));
    hn::StoreU(hn::Compress(index, is_between), tag, found + size);
    size += hn::CountTrue(tag, is_between);
  }
  for (; i < words.size(); ++i) {
    found[size] = static_cast<std::uint32_t>(i);
    size += words[i] >= low && words[i] < high ? 1 : 0;
  }
  return size;
}

// How many magnitudes are before that of `index`: `before` those at smaller indices.
std::size_t count_before(std::span<const std::uint32_t> bits, std::size_t index) {
  const auto own = static_cast<std::int32_t>(bits[index]);
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < index; ++i) {
    count += static_cast<std::int32_t>(bits[i]) >= own ? 1U : 0U;
  }
  for (std::size_t i = index + 1; i < bits.size(); ++i) {
    count += static_cast<std::int32_t>(bits[i]) > own ? 1U : 0U;
  }
  return count;
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(make_bins);
HWY_EXPORT(find_between);
HWY_EXPORT(count_before);

// Entries are told apart by the upper bits of their distance from the largest: 128 bins for each
// halving, all that is smaller than 2^-16 of the largest in the last one.
constexpr std::size_t kBins = 2048;
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(std::uint32_t);
constexpr std::size_t kHistograms = 2;  // neighbours are often alike, and wait for each other
// Comparisons for each entry of a row that take as long as to rank the row.
constexpr std::size_t kMostComparisons = 128;

using Indices = std::unique_ptr<std::uint32_t[]>;  // NOLINT(*-avoid-c-arrays): not cleared

// The ranks that the entries of each bin have.
class BinRanks {
 public:
  explicit BinRanks(std::span<const std::uint16_t> bins) {
    std::array<std::array<std::uint32_t, kBins>, kHistograms> counts{};
    const std::size_t whole = bins.size() / kHistograms * kHistograms;
    for (std::size_t i = 0; i < whole; i += kHistograms) {
      for (std::size_t j = 0; j < kHistograms; ++j) ++counts[j][bins[i + j]];
    }
    for (std::size_t i = whole; i < bins.size(); ++i) ++counts[0][bins[i]];
    std::uint32_t begin = 0;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      begins_[bin] = begin;
      for (const auto& each : counts) begin += each[bin];
    }
    begins_[kBins] = begin;
  }

  [[nodiscard]] std::size_t first(std::size_t bin) const { return begins_[bin]; }
  // REQUIRES: the bin has entries.
  [[nodiscard]] std::size_t last(std::size_t bin) const { return begins_[bin + 1] - 1; }
  [[nodiscard]] std::size_t size(std::size_t bin) const { return begins_[bin + 1] - begins_[bin]; }

 private:
  std::array<std::uint32_t, kBins + 1> begins_{};
};

struct Row {
  std::span<float> values;
  std::span<const std::uint32_t> words;
  std::span<const std::uint32_t> limits;
  std::span<const std::uint32_t> bits;
  std::span<const std::uint16_t> bins;
};

// Decides on the entries whose ranks in their bins make a difference.
class RankedBins {
 public:
  RankedBins(const Row& row, const BinRanks& ranks, const std::vector<std::uint32_t>& entries)
      : row_(row),
        ranks_(ranks),
        members_(std::make_unique_for_overwrite<std::uint32_t[]>(row.values.size())) {
    std::array<std::uint32_t, kBins> step{};  // 1 for the bins in question
    for (const std::uint32_t entry : entries) step[row.bins[entry]] = 1;
    std::array<std::uint32_t, kBins> ends{};  // of the members so far
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      ends[bin] = static_cast<std::uint32_t>(ranks.first(bin));
    }
    // Without a branch: members of other bins are written over each other at their first rank.
    for (std::size_t i = 0; i < row.bins.size(); ++i) {
      const std::uint16_t bin = row.bins[i];
      members_[ends[bin]] = static_cast<std::uint32_t>(i);
      ends[bin] += step[bin];
    }
  }

  // Of entries of one bin.
  void decide(std::span<const std::uint32_t> entries) {
    const std::uint16_t bin = row_.bins[entries.front()];
    const std::size_t first = ranks_.first(bin);
    const std::span members(members_.get() + first, ranks_.size(bin));
    member_bits_.clear();
    for (const std::uint32_t member : members) member_bits_.push_back(row_.bits[member]);
    for (const std::uint32_t entry : entries) {
      const auto place =
          static_cast<std::size_t>(std::ranges::lower_bound(members, entry) - members.begin());
      const std::size_t rank = first + HWY_DYNAMIC_DISPATCH(count_before)(member_bits_, place);
      if (row_.words[entry] >= row_.limits[rank]) row_.values[entry] = 0;
    }
  }

 private:
  const Row& row_;
  const BinRanks& ranks_;
  Indices members_;  // of the bins in question, each at its first rank, in index order
  std::vector<std::uint32_t> member_bits_;
};

void decide_by_bins(const Row& row, const BinRanks& ranks, std::vector<std::uint32_t>& entries) {
  RankedBins ranked(row, ranks, entries);
  std::ranges::stable_sort(entries, {}, [&](std::uint32_t entry) { return row.bins[entry]; });
  for (auto begin = entries.begin(); begin != entries.end();) {
    const std::uint16_t bin = row.bins[*begin];
    const auto end =
        std::find_if(begin, entries.end(), [&](auto entry) { return row.bins[entry] != bin; });
    ranked.decide({begin, end});
    begin = end;
  }
}

// Decides on all entries, also those that are decided.
void decide_by_ranking(const Row& row) {
  std::vector<float> magnitudes(row.bits.size());
  std::ranges::transform(row.bits, magnitudes.begin(),
                         [](std::uint32_t bits) { return std::bit_cast<float>(bits); });
  zero_unless_below(row.values, row.words,
                    rank_magnitudes_in_rows(magnitudes, {}, magnitudes.size()), row.limits);
}

}  // namespace

void zero_unless_below_limit_of_rank(std::span<float> row, std::span<const std::uint32_t> words,
                                     std::span<const std::uint32_t> limits) {
  check(row.size() == words.size() && row.size() == limits.size() && row.size() < 0xFFFFFFFFU,
        "zero_unless_below_limit_of_rank: a word and a limit for each entry");
  if (row.empty()) return;
  const std::size_t size = row.size();
  const auto bits = std::make_unique_for_overwrite<std::uint32_t[]>(size);
  const auto bins = std::make_unique_for_overwrite<std::uint16_t[]>(size);
  const auto open = std::make_unique_for_overwrite<std::uint32_t[]>(size + kMostLanes);
  const std::span all_bins(bins.get(), size);
  HWY_DYNAMIC_DISPATCH(make_bins)(row, std::int32_t{kBins - 1}, bits.get(), bins.get());
  const BinRanks ranks(all_bins);
  zero_unless_below(row, words, limits.front());
  const std::size_t num_open =
      HWY_DYNAMIC_DISPATCH(find_between)(words, limits.back(), limits.front(), open.get());
  std::vector<std::uint32_t> hard(num_open);
  std::size_t num_hard = 0;
  for (const std::uint32_t entry : std::span(open.get(), num_open)) {
    const std::uint16_t bin = bins[entry];
    const bool is_kept = words[entry] < limits[ranks.last(bin)];
    const bool is_dropped = words[entry] >= limits[ranks.first(bin)];
    const float value = row[entry];
    row[entry] = is_dropped ? 0.0F : value;
    hard[num_hard] = entry;
    const bool is_zero = std::bit_cast<std::uint32_t>(value) == 0;  // not -0: dropped it is 0
    num_hard += is_kept || is_dropped || is_zero ? 0 : 1;
  }
  hard.resize(num_hard);
  if (hard.empty()) return;
  const Row all{row, words, limits, {bits.get(), size}, all_bins};
  std::size_t comparisons = 0;
  for (const std::uint32_t entry : hard) comparisons += ranks.size(bins[entry]);
  if (comparisons / size < kMostComparisons) {
    decide_by_bins(all, ranks, hard);
  } else {  // the bins tell too few magnitudes apart
    decide_by_ranking(all);
  }
}

}  // namespace vlm
#endif
