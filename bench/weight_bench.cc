// Products of a linear layer of Mistral-7B's width, [14336, 4096], in each format of weights,
// beside the rate at which this machine reads memory.
//
// Limits: one row reads every weight once (235, 117 or 59 MB, more than any cache here), so its
// bytes/s are to be compared with those of `read_memory`; many rows are bound by arithmetic.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "core/thread_pool.h"
#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace vlm {
namespace {

constexpr std::size_t kOutputs = 14336;
constexpr std::size_t kInputs = 4096;

void fill_random(std::span<float> values) {
  RandomStream random(1, 0);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
}

// Arguments: format, rows, threads.
void multiply_weight(benchmark::State& state) {
  const auto format = static_cast<WeightFormat>(state.range(0));
  const auto rows = static_cast<std::size_t>(state.range(1));
  ThreadPool pool(static_cast<std::size_t>(state.range(2)));
  const auto weight = make_weight(format, kOutputs, kInputs);
  weight->fill(fill_random);
  Matrix<float> x(rows, kInputs);
  fill_random(x.values());
  Matrix<float> out(rows, kOutputs);
  for (auto _ : state) weight->multiply(x.view(), out.view(), pool);
  state.SetLabel(std::string(weight_format_name(format)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(weight->value_bytes()));
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(rows * kOutputs * kInputs),
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(multiply_weight)
    ->ArgsProduct({{0, 1, 2}, {1, 4, 8, 12, 16, 64, 512}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// 256 MB, searched for a byte that is not there, in parts of 1 MiB shared out between threads
// (argument).
void read_memory(benchmark::State& state) {
  ThreadPool pool(static_cast<std::size_t>(state.range(0)));
  constexpr std::size_t kPartBytes = std::size_t{1} << 20U;
  const std::vector<char> bytes(256 * kPartBytes, 1);
  for (auto _ : state) {
    pool.parallel_for(bytes.size() / kPartBytes, [&](std::size_t part) {
      benchmark::DoNotOptimize(std::memchr(bytes.data() + part * kPartBytes, 0, kPartBytes));
    });
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(read_memory)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
