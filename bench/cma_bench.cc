// Time of one generation of CMA-ES (tell and the sampling of the next) without any evaluation. The
// eigen-decomposition, O(n^3), dominates from about 50 dimensions on.

#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "evolve/cma_es.h"

namespace vlm {
namespace {

void cma_generation(benchmark::State& state) {
  SearchSpace space;
  for (int i = 0; i < state.range(0); ++i) space.dimensions.push_back({std::to_string(i)});
  CmaEs optimizer(space, {});
  std::vector<std::optional<double>> fitness(optimizer.population());
  for (auto _ : state) {
    const std::vector<std::vector<double>> points = optimizer.ask();
    for (std::size_t i = 0; i < points.size(); ++i) fitness[i] = -points[i][0] * points[i][0];
    optimizer.tell(fitness);
  }
  state.counters["population"] = static_cast<double>(optimizer.population());
}
BENCHMARK(cma_generation)->Arg(6)->Arg(24)->Arg(200)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
