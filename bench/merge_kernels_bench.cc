// The loops of merge/kernels that every element of a merge goes through, on one thread, in blocks
// that stay in the cache, as merges go through them.
//
// Limit: with inputs in memory the rate at which they are read (memory_bench): a block of four
// bfloat16 inputs has 8 bytes an element.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "merge/kernels/delta_sums.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude_bracket.h"
#include "merge/kernels/marks.h"
#include "merge/kernels/philox_words.h"
#include "merge/kernels/random_rivals.h"

namespace vlm {
namespace {

constexpr std::size_t kModels = 3;
constexpr std::size_t kBlock = 2048;
constexpr float kBaseDeviation = 0.02F;
constexpr float kDeltaDeviation = 0.002F;
constexpr double kDensity = 0.5;
constexpr double kEpsilon = 0.1;

// A base and models tuned from it, whose deltas are whole steps of bfloat16, as real ones are.
struct Models {
  explicit Models(std::size_t size) : stored(kModels + 1, std::vector<Bfloat16>(size)) {
    RandomStream random(philox_key(0, "models"), 0);
    std::vector<float> base(size);
    for (float& value : base) value = kBaseDeviation * static_cast<float>(random.normal());
    for (std::vector<Bfloat16>& model : stored) {
      for (std::size_t i = 0; i < size; ++i) {
        const bool is_base = &model == &stored.front();
        const float delta = is_base ? 0 : kDeltaDeviation * static_cast<float>(random.normal());
        model[i] = Bfloat16{float_to_bf16(base[i] + delta)};
      }
    }
  }

  [[nodiscard]] std::vector<float> delta(std::size_t model) const {
    std::vector<float> made(stored.front().size());
    subtract(stored[model + 1], stored.front(), made);
    return made;
  }

  std::vector<std::vector<Bfloat16>> stored;  // base first
};

std::size_t size_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

std::vector<WeightedDelta<Bfloat16>> deltas_of(const Models& models, const KeepRule& kept) {
  std::vector<WeightedDelta<Bfloat16>> deltas;
  for (std::size_t i = 0; i < kModels; ++i) {
    deltas.push_back({models.stored[i + 1], {}, kept, 1, 0.4F});
  }
  return deltas;
}

// Sums of all deltas of four inputs in bfloat16.
void task_vectors(benchmark::State& state) {
  const Models models(size_of(state));
  const auto deltas = deltas_of(models, {});
  std::vector<float> out(size_of(state));
  for (auto _ : state) {
    benchmark::DoNotOptimize(add_deltas(models.stored.front(), deltas, 1, 1, out));
    benchmark::ClobberMemory();
  }
  count(state);
}
BENCHMARK(task_vectors)->Arg(kBlock);

void vote(benchmark::State& state, const KeepRule& kept) {
  const Models models(size_of(state));
  const auto deltas = deltas_of(models, kept);
  std::vector<float> out(size_of(state));
  for (auto _ : state) {
    benchmark::DoNotOptimize(add_agreeing_deltas(models.stored.front(), deltas, true, 1, out));
    benchmark::ClobberMemory();
  }
  count(state);
}

// Votes of the larger deltas, as in ties.
void vote_of_large(benchmark::State& state) {
  const auto lowest = static_cast<std::int32_t>(magnitude_bits(kDeltaDeviation));
  vote(state, {{lowest, MagnitudeWindow().highest}, {}, 0});
}
BENCHMARK(vote_of_large)->Arg(kBlock);

// Votes of some deltas, as in dare_ties.
void vote_of_marked(benchmark::State& state) {
  const std::vector<std::uint32_t> marks(size_of(state) / kMarksOfWord, 0x5A5A5A5AU);
  vote(state, {{}, marks, 0});
}
BENCHMARK(vote_of_marked)->Arg(kBlock);

// Norms of a delta and of what is kept of it.
void norms(benchmark::State& state) {
  const Models models(size_of(state));
  const std::vector<std::uint32_t> marks(size_of(state) / kMarksOfWord, 0x5A5A5A5AU);
  for (auto _ : state) {
    benchmark::DoNotOptimize(l1_norms(models.stored[0], models.stored[1], {{}, marks, 0}));
  }
  count(state);
}
BENCHMARK(norms)->Arg(kBlock);

void random_words(benchmark::State& state) {
  std::vector<std::uint32_t> words(size_of(state));
  for (auto _ : state) {
    philox_words(7, 1, 0, words);
    benchmark::ClobberMemory();
  }
  count(state);
}
BENCHMARK(random_words)->Arg(kBlock);

// The search for the cut of ties: a sample has narrowed it down to some percent of the entries.
void magnitude_bracket(benchmark::State& state) {
  const Models models(size_of(state));
  std::vector<std::uint32_t> magnitudes;
  for (const float each : models.delta(0)) magnitudes.push_back(magnitude_bits(each));
  std::ranges::sort(magnitudes);
  const MagnitudeBracket bracket{magnitudes[magnitudes.size() * 49 / 100],
                                 magnitudes[magnitudes.size() * 51 / 100]};
  for (auto _ : state) {
    BracketCounts counts;
    counts.bracket = bracket;
    benchmark::DoNotOptimize(
        count_around(models.stored[1], models.stored[0], std::span(&counts, 1)));
  }
  count(state);
}
BENCHMARK(magnitude_bracket)->Arg(kBlock);

// Rows of della: random words, then comparisons with rivals.
void random_rivals(benchmark::State& state) {
  const std::vector<float> delta = Models(size_of(state)).delta(0);
  std::vector<std::uint32_t> words(delta.size());
  constexpr WordBounds kBounds{static_cast<std::uint32_t>((kDensity - kEpsilon) * 0x1p32),
                               static_cast<std::uint32_t>((kDensity + kEpsilon) * 0x1p32)};
  for (auto _ : state) {
    std::vector<float> row = delta;
    philox_words(7, 1, 0, words);
    keep_by_rivals(row, words, kBounds);
    benchmark::DoNotOptimize(row.data());
  }
  count(state);
}
BENCHMARK(random_rivals)->Arg(4096)->Arg(14336);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
