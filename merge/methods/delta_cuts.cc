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

// The search of one cut.
class CutSearch {
 public:
  CutSearch(const Quantity& quantity, std::size_t elements, std::size_t k)
      : quantity_(quantity), elements_(elements), k_(k), parts_(elements) {}

  // With a sample of the quantity all of its parts have to be counted; without one none.
  void begin(std::vector<std::uint32_t>& sampled) {
    bracket_ = bracket_around(sampled, static_cast<double>(k_) / static_cast<double>(elements_));
    counts_.resize(parts_.count());
  }

  // Of the part's elements values - base, in order. Returns what count_around() does.
  template <typename Value>
  bool count(std::size_t part, std::span<const Value> values, std::span<const Value> base) {
    return count_around(values, base, bracket_, counts_[part]);
  }

  [[nodiscard]] MagnitudeCut finish() const {
    const auto total = [&](const auto& number) {
      return std::accumulate(
          counts_.begin(), counts_.end(), std::size_t{0},
          [&](std::size_t sum, const BracketCounts& each) { return sum + number(each); });
    };
    const std::size_t above = total([](const BracketCounts& each) { return each.above; });
    if (counts_.empty() || k_ <= above) return search_all();
    std::size_t rank = k_ - above;
    const auto at_high = [](const BracketCounts& each) { return each.at_high; };
    if (rank <= total(at_high)) return cut_at(bracket_.high, rank, at_high);
    rank -= total(at_high);
    const std::size_t inside = total([](const BracketCounts& each) { return each.inside.size(); });
    if (rank <= inside) return cut_inside(rank);
    rank -= inside;
    const auto at_low = [](const BracketCounts& each) { return each.at_low; };
    return rank <= total(at_low) ? cut_at(bracket_.low, rank, at_low) : search_all();
  }

 private:
  // Keeps the first `rank` elements of that magnitude.
  template <typename Number>
  [[nodiscard]] MagnitudeCut cut_at(std::uint32_t bits, std::size_t rank,
                                    const Number& number) const {
    std::size_t part = 0;
    while (number(counts_[part]) < rank) rank -= number(counts_[part++]);
    return {bits, end_of(part, bits, rank)};
  }

  // The cut at the `rank`-th largest of what was collected.
  [[nodiscard]] MagnitudeCut cut_inside(std::size_t rank) const {
    const MagnitudeSearch found = search(rank, [&](MagnitudeSearch& each) {
      for (const BracketCounts& part : counts_) each.show(part.inside, {});
    });
    std::size_t end = found.cut(0).tie_end;  // among what was collected
    std::size_t part = 0;
    while (end > counts_[part].inside.size()) end -= counts_[part++].inside.size();
    const auto collected = std::span(counts_[part].inside).first(end);
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

  [[nodiscard]] MagnitudeCut search_all() const {
    const MagnitudeSearch found = search(k_, [&](MagnitudeSearch& each) {
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
  std::size_t k_;
  Parts parts_;
  MagnitudeBracket bracket_;
  std::vector<BracketCounts> counts_;  // of the parts; empty: no bracket
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

// A quantity with its searches, which see it together.
struct Searched {
  std::size_t quantity = 0;
  std::vector<CutSearch*> searches;
};

void begin_searches(const Quantities& quantities, const std::vector<Searched>& all,
                    std::size_t elements, ThreadPool& pool) {
  constexpr std::size_t kPieces = kRuns / kRunsTogether;
  std::vector<std::vector<std::uint32_t>> samples(all.size(), std::vector<std::uint32_t>(kSampled));
  pool.parallel_for(kPieces * all.size(), [&](std::size_t item) {
    const std::size_t index = item % all.size();
    const std::size_t piece = item / all.size();
    constexpr std::size_t kElements = kRunsTogether * kRunElements;
    sample(quantities.all[all[index].quantity], elements, piece * kRunsTogether,
           std::span(samples[index]).subspan(piece * kElements, kElements));
  });
  pool.parallel_for(all.size(), [&](std::size_t i) {
    for (CutSearch* const search : all[i].searches) search->begin(samples[i]);
  });
}

// Differences are made while they are counted.
void count_delta(const TensorMerge& task, const Searched& searched, const Parts& parts,
                 std::size_t part) {
  DeltaReader reader(task, searched.quantity, parts.block_size());
  parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
    bool are_small = true;
    reader.visit(first, size, [&](auto base, auto values) {
      for (CutSearch* const search : searched.searches) {
        are_small = search->count(part, values, base) && are_small;
      }
    });
    if (!are_small) reader.require_finite(first, size);
  });
}

void count_parts(const Quantities& quantities, const std::vector<Searched>& all,
                 std::size_t elements, ThreadPool& pool) {
  const Parts parts(elements);
  // Quantities of one part follow each other: deltas have the base in common.
  pool.parallel_for(parts.count() * all.size(), [&](std::size_t item) {
    const Searched& each = all[item % all.size()];
    const std::size_t part = item / all.size();
    if (quantities.task != nullptr) return count_delta(*quantities.task, each, parts, part);
    for_each_block(quantities.all[each.quantity], parts, part,
                   [&](std::size_t /*first*/, std::span<const float> values) {
                     for (CutSearch* const search : each.searches) {
                       search->count<float>(part, values, {});
                     }
                   });
  });
}

std::vector<Searched> by_quantity(std::span<const WantedCut> wanted,
                                  std::vector<CutSearch>& searches) {
  std::map<std::size_t, Searched> found;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Searched& each = found[wanted[i].quantity];
    each.quantity = wanted[i].quantity;
    each.searches.push_back(&searches[i]);
  }
  std::vector<Searched> all;
  all.reserve(found.size());
  for (auto& [quantity, searched] : found) all.push_back(std::move(searched));
  return all;
}

std::vector<MagnitudeCut> search_cuts(std::size_t elements, const Quantities& quantities,
                                      std::span<const WantedCut> wanted, ThreadPool& pool) {
  std::vector<CutSearch> searches;
  searches.reserve(wanted.size());
  for (const WantedCut& cut : wanted) {
    searches.emplace_back(quantities.all[cut.quantity], elements, cut.k);
  }
  const std::vector<Searched> all = by_quantity(wanted, searches);
  if (elements >= kSmallest && !all.empty()) {
    begin_searches(quantities, all, elements, pool);
    count_parts(quantities, all, elements, pool);
  }
  std::vector<MagnitudeCut> cuts(wanted.size());
  pool.parallel_for(searches.size(), [&](std::size_t i) { cuts[i] = searches[i].finish(); });
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
