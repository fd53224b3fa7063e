#include "merge/kernels/rank_limits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <functional>
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

constexpr int kBinBits = 17;  // of a magnitude that bins do not see

// Magnitude bits are below 2^31, so that signed comparisons do, which all instruction sets have.
void make_bins(std::span<const float> row, std::int32_t last_bin, std::uint16_t* __restrict bins) {
  std::int32_t largest = 0;
  for (const float value : row) {
    largest = std::max(largest, static_cast<std::int32_t>(magnitude_bits(value)));
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto distance = (largest - static_cast<std::int32_t>(magnitude_bits(row[i]))) >> kBinBits;
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

// How many magnitudes are before that of `index`: also equal ones at smaller indices.
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

// Entries are told apart by the upper bits of their distance from the largest: 64 bins for each
// halving, all that is smaller than 2^-16 of the largest in the last one.
constexpr std::size_t kBins = 1024;
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(std::uint32_t);
constexpr std::size_t kHistograms = 2;  // neighbours are often alike, and wait for each other
constexpr std::size_t kChunk = 1024;    // words that are looked at before the bins of some
constexpr std::uint32_t kNeverKept = 0xFFFFFFFFU;
// Comparisons for each entry of a row that take as long as to rank the row.
constexpr std::size_t kMostComparisons = 128;

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

  // Writes the indices of a row's entries to `members` by bin, those of a bin in their order.
  void sort(std::span<const std::uint16_t> bins, std::uint32_t* members) const {
    std::array<std::uint32_t, kBins + 1> ends = begins_;
    for (std::size_t i = 0; i < bins.size(); ++i) {
      members[ends[bins[i]]++] = static_cast<std::uint32_t>(i);
    }
  }

 private:
  std::array<std::uint32_t, kBins + 1> begins_{};
};

// An entry that its bin does not decide: they sort by bin, then by index.
struct OpenEntry {
  std::uint16_t bin;
  std::uint32_t index;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in what the compiler makes of it
  friend auto operator<=>(const OpenEntry&, const OpenEntry&) = default;
};

// A row of which the words of entries that go are set to kNeverKept.
class RowDecision {
 public:
  RowDecision(std::span<const float> values, std::span<std::uint32_t> words,
              std::span<const std::uint32_t> limits, std::span<const std::uint16_t> bins)
      : values_(values), words_(words), limits_(limits), bins_(bins), ranks_(bins) {}

  // False if that would take too long: some are not decided yet.
  bool decide() {
    for (std::size_t first = 0; first < words_.size(); first += kChunk) decide_by_bin(first);
    if (open_.empty()) return true;
    members_ = std::make_unique_for_overwrite<std::uint32_t[]>(bins_.size());
    ranks_.sort(bins_, members_.get());
    std::ranges::sort(open_);
    for (auto begin = open_.begin(); begin != open_.end();) {
      const auto is_other = [bin = begin->bin](const OpenEntry& each) { return each.bin != bin; };
      const auto end = std::find_if(begin, open_.end(), is_other);
      if (!decide_in_bin({begin, end})) return false;
      begin = end;
    }
    return true;
  }

 private:
  void decide_by_bin(std::size_t first) {
    std::array<std::uint32_t, kChunk + kMostLanes> found;  // NOLINT(*-member-init): filled below
    const auto chunk = words_.subspan(first, std::min(kChunk, words_.size() - first));
    const std::size_t count =
        HWY_DYNAMIC_DISPATCH(find_between)(chunk, limits_.back(), limits_.front(), found.data());
    std::size_t num_open = 0;
    for (const std::uint32_t place : std::span(found).first(count)) {
      const std::size_t i = first + place;
      const std::uint16_t bin = bins_[i];
      const std::uint32_t word = words_[i];
      // Without branches, which nobody could foretell.
      const std::uint32_t is_dropped = word >= limits_[ranks_.first(bin)] ? 1U : 0U;
      const std::uint32_t is_kept = word < limits_[ranks_.last(bin)] ? 1U : 0U;
      words_[i] = word | (0U - is_dropped);  // kNeverKept has all bits
      found[num_open] = place;
      num_open += 1U - (is_dropped | is_kept);
    }
    for (const std::uint32_t place : std::span(found).first(num_open)) {
      const std::size_t i = first + place;
      // Not -0, which is 0 when it is dropped.
      if (std::bit_cast<std::uint32_t>(values_[i]) == 0) continue;
      open_.push_back({bins_[i], static_cast<std::uint32_t>(i)});
    }
  }

  // Of entries of one bin.
  bool decide_in_bin(std::span<const OpenEntry> entries) {
    const std::uint16_t bin = entries.front().bin;
    const std::size_t first = ranks_.first(bin);
    const std::span members(members_.get() + first, ranks_.size(bin));
    member_bits_.clear();
    for (const std::uint32_t member : members) {
      member_bits_.push_back(magnitude_bits(values_[member]));
    }
    const bool are_equal =
        std::ranges::adjacent_find(member_bits_, std::not_equal_to<>()) == member_bits_.end();
    if (!are_equal) comparisons_ += entries.size() * members.size();
    if (comparisons_ / words_.size() >= kMostComparisons) return false;
    for (const OpenEntry& entry : entries) {
      const auto found = std::ranges::lower_bound(members, entry.index);
      const auto place = static_cast<std::size_t>(found - members.begin());
      const std::size_t rank =
          first + (are_equal ? place : HWY_DYNAMIC_DISPATCH(count_before)(member_bits_, place));
      if (words_[entry.index] >= limits_[rank]) words_[entry.index] = kNeverKept;
    }
    return true;
  }

  std::span<const float> values_;
  std::span<std::uint32_t> words_;
  std::span<const std::uint32_t> limits_;
  std::span<const std::uint16_t> bins_;
  BinRanks ranks_;
  std::vector<OpenEntry> open_;
  std::unique_ptr<std::uint32_t[]> members_;  // NOLINT(*-avoid-c-arrays): not cleared; by bin
  std::vector<std::uint32_t> member_bits_;    // of the bin in work
  std::size_t comparisons_ = 0;
};

}  // namespace

void zero_unless_below_limit_of_rank(std::span<float> row, std::span<std::uint32_t> words,
                                     std::span<const std::uint32_t> limits) {
  check(row.size() == words.size() && row.size() == limits.size() && row.size() < 0xFFFFFFFFU,
        "zero_unless_below_limit_of_rank: a word and a limit for each entry");
  if (row.empty()) return;
  const auto memory = std::make_unique_for_overwrite<std::uint16_t[]>(row.size());
  HWY_DYNAMIC_DISPATCH(make_bins)(row, std::int32_t{kBins - 1}, memory.get());
  if (RowDecision(row, words, limits, {memory.get(), row.size()}).decide()) {
    zero_unless_below(row, words, limits.front());
  } else {
    zero_unless_below(row, words, rank_magnitudes_in_rows(row, {}, row.size()), limits);
  }
}

}  // namespace vlm
#endif
