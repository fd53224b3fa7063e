#include "merge/methods/delta_cuts.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/philox.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude_bracket.h"

namespace vlm {
namespace {

// A sample is so many runs of neighbours, which cost one look at the memory each. Smaller deltas
// are searched without.
constexpr std::size_t kRuns = 4096;
constexpr std::size_t kRunElements = 16;
constexpr std::size_t kSampled = kRuns * kRunElements;
constexpr std::size_t kSmallest = 4 * kSampled;
// How far the cut may be from its place in the sample, in standard deviations of that place.
constexpr double kDeviations = 6;

// One run at a random place of each of kRuns equal pieces of the delta. The place changes no
// result.
std::vector<std::uint32_t> sample(const TensorMerge& task, std::size_t model) {
  DeltaReader reader(task, model, kRunElements);
  const std::size_t elements = elements_of(task);
  RandomStream random(philox_key(0, "magnitude sample"), model);
  std::vector<std::uint32_t> magnitudes;
  magnitudes.reserve(kSampled);
  for (std::size_t run = 0; run < kRuns; ++run) {
    const std::size_t begin = run * elements / kRuns;
    const std::size_t end = (run + 1) * elements / kRuns;
    const std::size_t first = begin + random.below(end - begin - kRunElements + 1);
    for (const float each : reader.read(first, kRunElements)) {
      magnitudes.push_back(magnitude_bits(each));
    }
  }
  return magnitudes;
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

// A search by several passes over the deltas of parts.
template <typename Show>
MagnitudeSearch search(std::size_t k, const Show& show) {
  MagnitudeSearch found(k);
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) {
    show(found);
    found.end_pass();
  }
  return found;
}

// The search of one cut.
class CutSearch {
 public:
  CutSearch(const TensorMerge& task, const WantedCut& wanted)
      : task_(task), wanted_(wanted), parts_(elements_of(task)) {}

  [[nodiscard]] std::size_t model() const noexcept { return wanted_.model; }

  // With a sample of the delta all of its parts have to be counted; without one none.
  void begin(std::vector<std::uint32_t>& sampled) {
    const auto size = static_cast<double>(elements_of(task_));
    bracket_ = bracket_around(sampled, static_cast<double>(wanted_.k) / size);
    counts_.resize(parts_.count());
  }

  // Of the part's elements, in order.
  void count(std::size_t part, std::span<const float> delta) {
    count_around(delta, bracket_, counts_[part]);
  }

  [[nodiscard]] MagnitudeCut finish() const {
    const auto total = [&](const auto& number) {
      return std::accumulate(
          counts_.begin(), counts_.end(), std::size_t{0},
          [&](std::size_t sum, const BracketCounts& each) { return sum + number(each); });
    };
    const std::size_t above = total([](const BracketCounts& each) { return each.above; });
    if (counts_.empty() || wanted_.k <= above) return search_all();
    std::size_t rank = wanted_.k - above;
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
    for_each_delta_block(task_, wanted_.model, parts_, part,
                         [&](std::size_t first, std::span<const float> delta) {
                           for (std::size_t i = 0; i < delta.size() && rank > 0; ++i) {
                             if (magnitude_bits(delta[i]) == bits && --rank == 0)
                               end = first + i + 1;
                           }
                         });
    return end;
  }

  [[nodiscard]] MagnitudeCut search_all() const {
    const MagnitudeSearch found = search(wanted_.k, [&](MagnitudeSearch& each) {
      for (std::size_t part = 0; part < parts_.count(); ++part) {
        for_each_delta_block(
            task_, wanted_.model, parts_, part,
            [&](std::size_t /*first*/, std::span<const float> delta) { each.show(delta, {}); });
      }
    });
    return found.cut(0);
  }

  const TensorMerge& task_;
  WantedCut wanted_;
  Parts parts_;
  MagnitudeBracket bracket_;
  std::vector<BracketCounts> counts_;  // of the parts; empty: no bracket
};

// What the model remembers gives the cut at once.
std::optional<MagnitudeCut> remembered_cut(const TensorMerge& task, const WantedCut& wanted) {
  const ModelTensor& model = task.models[wanted.model];
  if (!model.remember) return std::nullopt;
  const std::span<const float> values = model.values.in_memory();
  const std::span<const float> base = task.base.in_memory();
  const auto ranking = model.remember("magnitude ranking", values.size(),
                                      [&] { return rank_magnitudes(values, base); });
  if (ranking == nullptr) return std::nullopt;
  return find_magnitude_cut(values, base, *ranking, wanted.k);
}

// The searches of one model, which see its delta together.
using ModelSearches = std::vector<CutSearch*>;

void count_parts(const TensorMerge& task, const std::vector<ModelSearches>& models,
                 ThreadPool& pool) {
  const Parts parts(elements_of(task));
  // Models of one part follow each other: the base's part is then in the cache.
  pool.parallel_for(parts.count() * models.size(), [&](std::size_t item) {
    const ModelSearches& searches = models[item % models.size()];
    const std::size_t part = item / models.size();
    for_each_delta_block(task, searches.front()->model(), parts, part,
                         [&](std::size_t /*first*/, std::span<const float> delta) {
                           for (CutSearch* const search : searches) search->count(part, delta);
                         });
  });
}

}  // namespace

std::vector<MagnitudeCut> find_delta_cuts(const TensorMerge& task,
                                          std::span<const WantedCut> wanted, ThreadPool& pool) {
  std::vector<MagnitudeCut> cuts(wanted.size());
  std::vector<std::size_t> places;  // of the searches among the cuts
  std::vector<CutSearch> searches;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (const auto cut = remembered_cut(task, wanted[i])) {
      cuts[i] = *cut;
    } else {
      places.push_back(i);
      searches.emplace_back(task, wanted[i]);
    }
  }
  std::map<std::size_t, ModelSearches> by_model;
  for (CutSearch& search : searches) by_model[search.model()].push_back(&search);
  std::vector<ModelSearches> models;
  models.reserve(by_model.size());
  for (auto& [model, all] : by_model) models.push_back(std::move(all));
  if (elements_of(task) >= kSmallest && !models.empty()) {
    pool.parallel_for(models.size(), [&](std::size_t i) {
      auto sampled = sample(task, models[i].front()->model());
      for (CutSearch* const search : models[i]) search->begin(sampled);
    });
    count_parts(task, models, pool);
  }
  pool.parallel_for(searches.size(),
                    [&](std::size_t i) { cuts[places[i]] = searches[i].finish(); });
  return cuts;
}

}  // namespace vlm
