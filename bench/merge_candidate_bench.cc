// Milliseconds for one candidate of a search: parse the recipe, plan it, compute every tensor of
// the language tower in memory, on two threads, with the parents' weights and rankings remembered.
// The bound is memory: task arithmetic reads three float32 towers of 13.4 MB and writes one.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "checkpoint/file_checkpoint.h"
#include "core/thread_pool.h"
#include "merge/merged_checkpoint.h"
#include "merge/model_pool.h"
#include "merge/recipe_parser.h"

namespace vlm {
namespace {

std::shared_ptr<const Checkpoint> open_zoo_model(const std::string& name) {
  return FileCheckpoint::open(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models" / name);
}

std::string recipe_of(const std::string& method, double weight) {
  const std::string own = "{weight: " + std::to_string(weight) + ", density: 0.3}";
  const std::string vlm_parameters =
      method == "slerp"
          ? ""
          : (method == "linear" ? ", parameters: {weight: 0.5}" : ", parameters: " + own);
  const std::string base = method == "slerp" ? "en-vlm" : "base-lm";
  std::string text = "vlm: en-vlm\nmerge_method: " + method + "\nmodels:\n- {model: en-vlm" +
                     vlm_parameters + "}\n- {model: ja-lm" + vlm_parameters + "}\n";
  if (method != "linear") text += "base_model: " + base + "\n";
  if (method == "slerp") text += "parameters: {t: " + std::to_string(weight) + "}\n";
  return text;
}

void merge_candidate(benchmark::State& state, const std::string& method, std::size_t cache_bytes) {
  ThreadPool pool(2);
  ModelPool models(open_zoo_model, "");
  const auto cache = std::make_shared<SourceCache>(cache_bytes);
  std::vector<std::vector<float>> tower;
  const auto merge_once = [&](double weight) {
    const Recipe recipe = parse_recipe(recipe_of(method, weight), "bench");
    const MergedCheckpoint merged(make_merge_plan(recipe, std::ref(models)),
                                  {.seed = 0, .cache = cache});
    const std::vector<TensorInfo>& infos = merged.tensors();
    tower.resize(infos.size());
    pool.parallel_for(infos.size(), [&](std::size_t i) {
      if (merged.is_copy(infos[i])) return;
      tower[i].resize(element_count(infos[i].shape).value_or(0));
      merged.read(infos[i], tower[i]);
    });
  };
  merge_once(0.5);
  double weight = 0.5;
  for (auto _ : state) merge_once(weight += 1e-3);
}

constexpr std::size_t kPlenty = std::size_t{1} << 30U;

BENCHMARK_CAPTURE(merge_candidate, linear, "linear", kPlenty)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, slerp, "slerp", kPlenty)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, task_arithmetic, "task_arithmetic", kPlenty)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, ties, "ties", kPlenty)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, dare_ties, "dare_ties", kPlenty)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, ties_without_cache, "ties", 0)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(merge_candidate, linear_without_cache, "linear", 0)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
