// Products of a linear layer of Mistral-7B's width, [14336, 4096], in each format of weights.
//
// Limits: one row reads every weight once (235, 117 or 59 MB, more than any cache here), so its
// bytes/s are to be compared with those of memory_bench; many rows are bound by arithmetic, and in
// bfloat16 by oneDNN's own rate (multiply_onednn), where the processor multiplies bfloat16.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/philox.h"
#include "core/thread_pool.h"
#include "tensor/bfloat16_packing.h"
#include "tensor/instruction_limit.h"
#include "tensor/matrix.h"
#include "tensor/onednn_product.h"
#include "tensor/packed_layout.h"
#include "tensor/weight_matrix.h"

namespace vlm {
namespace {

constexpr std::size_t kOutputs = 14336;
constexpr std::size_t kInputs = 4096;

void count_operations(benchmark::State& state, std::size_t rows) {
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(rows * kOutputs * kInputs),
                         benchmark::Counter::kIsIterationInvariantRate);
}

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
  count_operations(state, rows);
}
BENCHMARK(multiply_weight)
    ->ArgsProduct({{0, 1, 2}, {1, 4, 8, 12, 16, 64, 512}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// One call of oneDNN on one thread, with everything rounded and packed. Argument: rows.
void multiply_onednn(benchmark::State& state) {
  if (!has_bfloat16_products()) return state.SkipWithError("the processor has no such products");
  const auto rows = static_cast<std::size_t>(state.range(0));
  ThreadPool pool(1);
  Matrix<float> values(kOutputs, kInputs);
  fill_random(values.values());
  constexpr PackedLayout kLayout{kOutputs, kInputs};
  std::vector<std::uint16_t> weight(kLayout.num_blocks() * kLayout.block_size());
  pack_bfloat16(values.view(), weight);
  const Matrix<std::uint16_t> x = bfloat16_rows(values.view().rows(0, rows), pool);
  Matrix<float> out(rows, kOutputs);
  const Bfloat16Product product(rows, kInputs, kOutputs);
  for (auto _ : state) product.run(x.view(), weight, out.view());
  count_operations(state, rows);
}
BENCHMARK(multiply_onednn)
    ->Arg(16)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vlm

int main(int argc, char** argv) {
  vlm::limit_instruction_sets();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
