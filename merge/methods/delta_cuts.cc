#include "merge/methods/delta_cuts.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "core/philox.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude_bracket.h"

namespace vlm {
namespace {

// A sample is so many runs of neighbours, which cost one look at the memory each. Smaller tensors
// are searched without.
constexpr std::size_t kRuns = 4096;
constexpr std::size_t kRunsTogether = 256;
constexpr std::size_t kRunElements = 16;
constexpr std::size_t kSampled = kRuns * kRunElements;
constexpr std::size_t kSmallest = 4 * kSampled;
// How far the cut may be from its place in the sample, in standard deviations of that place.
constexpr double kDeviations = 4;

// One run at a random place of each of kRuns equal pieces of a quantity. The place changes no
// result. Writes those from run `begin` on that fill `magnitudes`.
void sample(const Quantity& quantity, std::size_t elements, std::size_t begin,
            std::span<std::uint32_t> magnitudes) {
  const ReadBlock read = quantity(kRunElements);
  RandomStream random(philox_key(0, "magnitude sample"), begin);
  for (std::size_t run = begin; !magnitudes.empty(); ++run) {
    const std::size_t from = run * elements / kRuns;
    const std::size_t to = (run + 1) * elements / kRuns;
    const std::size_t first = from + random.below(to - from - kRunElements + 1);
    std::ranges::transform(read(first, kRunElements), magnitudes.begin(), magnitude_bits);
    magnitudes = magnitudes.subspan(kRunElements);
  }
}

// Orders the sample as far as it has to.
MagnitudeBracket bracket_around(std::vector<std::uint32_t>& sampled, double share) {
  const auto largest = [&](double place) {
    const auto found = sampled.begin() + static_cast<std::ptrdiff_t>(place);
    std::nth_element(sampled.begin(), found, sampled.end(), std::greater<>());
    return *found;
  };
  const auto size = static_cast<double>(sampled.size());
  const double spread = kDeviations * std::sqrt(size * share * (1 - share)) + kRunElements;
  const double place = size * share;
  MagnitudeBracket bracket{0, 0x7FFFFFFFU};
  if (place > spread) bracket.high = largest(place - spread);
  if (place + spread < size) bracket.low = largest(place + spread);
  return bracket;
}

// A search by several passes over parts.
template <typename Show>
MagnitudeSearch search(std::size_t k, const Show& show) {
  MagnitudeSearch found(k);
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) {
    show(found);
    found.end_pass();
  }
  return found;
}

// Calls use(first, values) for the blocks of one part, in order.
template <typename Use>
void for_each_block(const Quantity& quantity, const Parts& parts, std::size_t part,
                    const Use& use) {
  const ReadBlock read = quantity(parts.block_size());
  parts.for_each_block(part,
                       [&](std::size_t first, std::size_t size) { use(first, read(first, size)); });
}

// The search of cuts of one quantity, which see it together.
class CutSearch {
 public:
  CutSearch(const Quantity& quantity, std::size_t elements)
      : quantity_(quantity), elements_(elements), parts_(elements) {}

  // One more cut to find, 0 < k <= elements. Returns its index.
  std::size_t add(std::size_t k) {
    ks_.push_back(k);
    return ks_.size() - 1;
  }

  // With a sample of the quantity all of its parts have to be counted; without one none.
  void begin(std::vector<std::uint32_t>& sampled) {
    std::vector<BracketCounts> of_part(ks_.size());
    for (std::size_t i = 0; i < ks_.size(); ++i) {
      const double share = static_cast<double>(ks_[i]) / static_cast<double>(elements_);
      of_part[i].bracket = bracket_around(sampled, share);
    }
    counts_.assign(parts_.count(), of_part);
  }

  // Of the part's elements values - base, in order. Returns what count_around() does.
  template <typename Value>
  bool count(std::size_t part, std::span<const Value> values, std::span<const Value> base) {
    return count_around(values, base, counts_[part]);
  }

  [[nodiscard]] MagnitudeCut finish(std::size_t cut) const {
    const auto total = [&](const auto& number) {
      return std::accumulate(
          counts_.begin(), counts_.end(), std::size_t{0},
          [&](std::size_t sum, const auto& part) { return sum + number(part[cut]); });
    };
    const std::size_t k = ks_[cut];
    const std::size_t above = total([](const BracketCounts& each) { return each.above; });
    if (counts_.empty() || k <= above) return search_all(k);
    std::size_t rank = k - above;
    const MagnitudeBracket bracket = counts_.front()[cut].bracket;
    const auto at_high = [](const BracketCounts& each) { return each.at_high; };
    if (rank <= total(at_high)) return cut_at(cut, bracket.high, rank, at_high);
    rank -= total(at_high);
    const std::size_t inside = total([](const BracketCounts& each) { return each.inside.size(); });
    if (rank <= inside) return cut_inside(cut, rank);
    rank -= inside;
    const auto at_low = [](const BracketCounts& each) { return each.at_low; };
    return rank <= total(at_low) ? cut_at(cut, bracket.low, rank, at_low) : search_all(k);
  }

 private:
  // Keeps the first `rank` elements of that magnitude.
  template <typename Number>
  [[nodiscard]] MagnitudeCut cut_at(std::size_t cut, std::uint32_t bits, std::size_t rank,
                                    const Number& number) const {
    std::size_t part = 0;
    while (number(counts_[part][cut]) < rank) rank -= number(counts_[part++][cut]);
    return {bits, end_of(part, bits, rank)};
  }

  // The cut at the `rank`-th largest of what was collected.
  [[nodiscard]] MagnitudeCut cut_inside(std::size_t cut, std::size_t rank) const {
    const MagnitudeSearch found = search(rank, [&](MagnitudeSearch& each) {
      for (const auto& part : counts_) each.show(part[cut].inside, {});
    });
    std::size_t end = found.cut(0).tie_end;  // among what was collected
    std::size_t part = 0;
    while (end > counts_[part][cut].inside.size()) end -= counts_[part++][cut].inside.size();
    const auto collected = std::span(counts_[part][cut].inside).first(end);
    const std::uint32_t bits = found.cut(0).bits;
    const auto ties =
        std::ranges::count_if(collected, [&](float each) { return magnitude_bits(each) == bits; });
    return {bits, end_of(part, bits, static_cast<std::size_t>(ties))};
  }

  // The element behind the `rank`-th of the part with that magnitude.
  [[nodiscard]] std::size_t end_of(std::size_t part, std::uint32_t bits, std::size_t rank) const {
    std::size_t end = 0;
    for_each_block(quantity_, parts_, part, [&](std::size_t first, std::span<const float> values) {
      for (std::size_t i = 0; i < values.size() && rank > 0; ++i) {
        if (magnitude_bits(values[i]) == bits && --rank == 0) end = first + i + 1;
      }
    });
    return end;
  }

  [[nodiscard]] MagnitudeCut search_all(std::size_t k) const {
    const MagnitudeSearch found = search(k, [&](MagnitudeSearch& each) {
      for (std::size_t part = 0; part < parts_.count(); ++part) {
        for_each_block(
            quantity_, parts_, part,
            [&](std::size_t /*first*/, std::span<const float> values) { each.show(values, {}); });
      }
    });
    return found.cut(0);
  }

  const Quantity& quantity_;
  std::size_t elements_;
  Parts parts_;
  std::vector<std::size_t> ks_;
  std::vector<std::vector<BracketCounts>> counts_;  // [parts][cuts]; empty: no bracket
};

// What the model remembers gives the cut at once.
std::optional<MagnitudeCut> remembered_cut(const TensorMerge& task, const WantedCut& wanted) {
  const ModelTensor& model = task.models[wanted.quantity];
  if (!model.remember) return std::nullopt;
  const std::span<const float> values = model.values.in_memory();
  const std::span<const float> base = task.base.in_memory();
  const auto ranking = model.remember("magnitude ranking", values.size(),
                                      [&] { return rank_magnitudes(values, base); });
  if (ranking == nullptr) return std::nullopt;
  return find_magnitude_cut(values, base, *ranking, wanted.k);
}

// Many quantities of a tensor; deltas may be counted where their inputs lie.
struct Quantities {
  std::span<const Quantity> all;
  const TensorMerge* task = nullptr;  // quantity i is the delta of its model i; null: it is not
};

// The searches of those quantities of which cuts are wanted.
using Searches = std::map<std::size_t, CutSearch>;

void begin_searches(const Quantities& quantities, const std::vector<Searches::iterator>& all,
                    std::size_t elements, ThreadPool& pool) {
  constexpr std::size_t kPieces = kRuns / kRunsTogether;
  std::vector<std::vector<std::uint32_t>> samples(all.size(), std::vector<std::uint32_t>(kSampled));
  pool.parallel_for(kPieces * all.size(), [&](std::size_t item) {
    const std::size_t index = item % all.size();
    const std::size_t piece = item / all.size();
    constexpr std::size_t kElements = kRunsTogether * kRunElements;
    sample(quantities.all[all[index]->first], elements, piece * kRunsTogether,
           std::span(samples[index]).subspan(piece * kElements, kElements));
  });
  pool.parallel_for(all.size(), [&](std::size_t i) { all[i]->second.begin(samples[i]); });
}

// Differences are made while they are counted.
void count_delta(const TensorMerge& task, std::size_t model, const Parts& parts, std::size_t part,
                 CutSearch& search) {
  DeltaReader reader(task, model, parts.block_size());
  parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
    const bool are_small = reader.visit(
        first, size, [&](auto base, auto values) { return search.count(part, values, base); });
    if (!are_small) reader.require_finite(first, size);
  });
}

void count_parts(const Quantities& quantities, const std::vector<Searches::iterator>& all,
                 std::size_t elements, ThreadPool& pool) {
  const Parts parts(elements);
  // Quantities of one part follow each other: deltas have the base in common.
  pool.parallel_for(parts.count() * all.size(), [&](std::size_t item) {
    auto& [quantity, search] = *all[item % all.size()];
    const std::size_t part = item / all.size();
    if (quantities.task != nullptr) {
      return count_delta(*quantities.task, quantity, parts, part, search);
    }
    for_each_block(quantities.all[quantity], parts, part,
                   [&, &counted = search](std::size_t /*first*/, std::span<const float> values) {
                     counted.count<float>(part, values, {});
                   });
  });
}

std::vector<MagnitudeCut> search_cuts(std::size_t elements, const Quantities& quantities,
                                      std::span<const WantedCut> wanted, ThreadPool& pool) {
  Searches searches;
  std::vector<std::size_t> indices;  // of the wanted cuts in their searches
  for (const WantedCut& cut : wanted) {
    const Quantity& quantity = quantities.all[cut.quantity];
    const auto search = searches.try_emplace(cut.quantity, quantity, elements).first;
    indices.push_back(search->second.add(cut.k));
  }
  if (elements >= kSmallest) {
    std::vector<Searches::iterator> all;
    for (auto each = searches.begin(); each != searches.end(); ++each) all.push_back(each);
    begin_searches(quantities, all, elements, pool);
    count_parts(quantities, all, elements, pool);
  }
  std::vector<MagnitudeCut> cuts(wanted.size());
  pool.parallel_for(wanted.size(), [&](std::size_t i) {
    cuts[i] = searches.at(wanted[i].quantity).finish(indices[i]);
  });
  return cuts;
}

Quantity delta_of(const TensorMerge& task, std::size_t model) {
  return [&task, model](std::size_t largest) -> ReadBlock {
    const auto reader = std::make_shared<DeltaReader>(task, model, largest);
    return [reader](std::size_t first, std::size_t size) { return reader->read(first, size); };
  };
}

}  // namespace

std::vector<MagnitudeCut> find_cuts(std::size_t elements, std::span<const Quantity> quantities,
                                    std::span<const WantedCut> wanted, ThreadPool& pool) {
  return search_cuts(elements, {quantities, nullptr}, wanted, pool);
}

std::vector<MagnitudeCut> find_delta_cuts(const TensorMerge& task,
                                          std::span<const WantedCut> wanted, ThreadPool& pool) {
  std::vector<Quantity> deltas;
  for (std::size_t i = 0; i < task.models.size(); ++i) deltas.push_back(delta_of(task, i));
  std::vector<MagnitudeCut> cuts(wanted.size());
  std::vector<std::size_t> places;  // of those to search among the cuts
  std::vector<WantedCut> searched;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (const auto cut = remembered_cut(task, wanted[i])) {
      cuts[i] = *cut;
    } else {
      places.push_back(i);
      searched.push_back(wanted[i]);
    }
  }
  const std::vector<MagnitudeCut> found =
      search_cuts(elements_of(task), {deltas, &task}, searched, pool);
  for (std::size_t i = 0; i < found.size(); ++i) cuts[places[i]] = found[i];
  return cuts;
}

}  // namespace vlm
