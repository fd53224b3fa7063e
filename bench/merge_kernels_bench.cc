// The loops of merge/kernels that every element of a merge goes through, on one thread, in blocks
// that stay in the cache, as merges go through them.
//
// Limit: with inputs in memory the rate at which they are read (memory_bench): a block of four
// bfloat16 inputs has 8 bytes an element.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/kernels/philox_words.h"
#include "merge/kernels/rank_limits.h"
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

std::vector<std::uint32_t> falling_limits(std::size_t size) {
  std::vector<std::uint32_t> limits;
  for (std::size_t rank = 0; rank < size; ++rank) {
    const double place = static_cast<double>(rank) / static_cast<double>(size);
    const double probability = kDensity + kEpsilon * (1 - 2 * place);
    limits.push_back(static_cast<std::uint32_t>(probability * 0x1p32));
  }
  return limits;
}

// Rows of della: random words, then what goes by its rank.
template <typename Decide>
void decide_rows(benchmark::State& state, const Decide& decide) {
  const std::vector<float> delta = Models(size_of(state)).delta(0);
  const std::vector<std::uint32_t> limits = falling_limits(delta.size());
  std::vector<std::uint32_t> words(delta.size());
  for (auto _ : state) {
    std::vector<float> row = delta;
    philox_words(7, 1, 0, words);
    decide(row, words, limits);
    benchmark::DoNotOptimize(row.data());
  }
  count(state);
}

void rank_limits(benchmark::State& state) {
  decide_rows(state, zero_unless_below_limit_of_rank);
}
BENCHMARK(rank_limits)->Arg(4096)->Arg(14336);

// The same by ranking the whole row.
void whole_ranking(benchmark::State& state) {
  decide_rows(state, [](std::vector<float>& row, const std::vector<std::uint32_t>& words,
                        const std::vector<std::uint32_t>& limits) {
    zero_unless_below(row, words, rank_magnitudes_in_rows(row, {}, row.size()), limits);
  });
}
BENCHMARK(whole_ranking)->Arg(4096)->Arg(14336);

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
