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
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude_bracket.h"
#include "merge/kernels/philox_words.h"
#include "merge/kernels/random_rivals.h"
#include "merge/kernels/weighted_sums.h"
#include "merge/methods/kept_entries.h"

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

// Of four inputs in bfloat16.
void task_vectors(benchmark::State& state) {
  const Models models(size_of(state));
  std::vector<Weighted<Bfloat16>> terms;
  for (std::size_t i = 0; i < kModels; ++i) terms.push_back({models.stored[i + 1], 0.4F});
  std::vector<float> out(size_of(state));
  for (auto _ : state) {
    add_task_vectors(models.stored.front(), terms, 1, out);
    benchmark::ClobberMemory();
  }
  count(state);
}
BENCHMARK(task_vectors)->Arg(kBlock);

void agreeing_deltas(benchmark::State& state) {
  const Models models(size_of(state));
  std::vector<std::vector<float>> deltas;
  std::vector<SparseDelta> terms;
  for (std::size_t i = 0; i < kModels; ++i) deltas.push_back(models.delta(i));
  for (const std::vector<float>& delta : deltas) terms.push_back({delta, 1, 0.4F});
  std::vector<float> out(size_of(state));
  for (auto _ : state) {
    add_agreeing_deltas(models.stored.front(), terms, true, 1, out);
    benchmark::ClobberMemory();
  }
  count(state);
}
BENCHMARK(agreeing_deltas)->Arg(kBlock);

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
  const std::vector<float> delta = Models(size_of(state)).delta(0);
  std::vector<std::uint32_t> magnitudes;
  for (const float each : delta) magnitudes.push_back(magnitude_bits(each));
  std::ranges::sort(magnitudes);
  const MagnitudeBracket bracket{magnitudes[delta.size() * 49 / 100],
                                 magnitudes[delta.size() * 51 / 100]};
  for (auto _ : state) {
    BracketCounts counts;
    count_around(delta, bracket, counts);
    benchmark::DoNotOptimize(counts.above);
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

void kept_entries(benchmark::State& state) {
  const std::vector<float> delta = Models(size_of(state)).delta(0);
  std::vector<float> block = delta;
  KeptEntries kept(delta.size(), 1);
  for (auto _ : state) {
    kept.mark(0, delta);
    kept.keep(0, block);
    benchmark::ClobberMemory();
  }
  count(state);
}
BENCHMARK(kept_entries)->Arg(kBlock);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
