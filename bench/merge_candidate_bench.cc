// Milliseconds for one candidate of a search: parse the recipe, plan it, compute every tensor of
// the language tower in memory, on two threads. The models are a VLM's tower and two language
// models tuned from one base (slerp: the tower and one). `first`: nothing is remembered yet but
// open files, as in the first candidate; `next`: the parents' weights and rankings are and that
// their tokenizers agree, and the weights in the recipe are others. The bound of `next` is memory:
// three models and a base are four float32 towers of 13.4 MB to read, and one to write.

#include <algorithm>
#include <filesystem>
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

constexpr std::size_t kCacheBytes = std::size_t{1} << 30U;

std::shared_ptr<const Checkpoint> open_zoo_model(const std::string& name) {
  return FileCheckpoint::open(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models" / name);
}

std::string recipe_of(const std::string& method, double weight) {
  const std::string number = std::to_string(weight);
  if (method == "slerp") {
    return "vlm: en-vlm\nmerge_method: slerp\nbase_model: en-vlm\nmodels: [{model: en-vlm}, "
           "{model: ja-lm}]\nparameters: {t: " +
           number + "}\n";
  }
  const std::string parameters =
      method == "linear" ? "{weight: " + number + "}" : "{weight: " + number + ", density: 0.3}";
  std::string text = "vlm: en-vlm\nmerge_method: " + method + "\nmodels:\n";
  for (const char* const model : {"en-vlm", "ja-lm", "math-lm"}) {
    text += std::string("- {model: ") + model + ", parameters: " + parameters + "}\n";
  }
  return method == "linear" ? text : text + "base_model: base-lm\n";
}

class CandidateMerger {
 public:
  explicit CandidateMerger(std::string method) : method_(std::move(method)) {}

  void forget() {
    cache_ = std::make_shared<SourceCache>(kCacheBytes);
    models_.token_comparisons() = {};
  }
  void merge(double weight) {
    const Recipe recipe = parse_recipe(recipe_of(method_, weight), "bench");
    const MergedCheckpoint merged(make_merge_plan(recipe, models_), {.seed = 0, .cache = cache_});
    const std::vector<TensorInfo>& infos = merged.tensors();
    tower_.resize(infos.size());
    pool_.parallel_for(infos.size(), [&](std::size_t i) {
      if (merged.is_copy(infos[i])) return;
      tower_[i].resize(element_count(infos[i].shape).value_or(0));
      merged.read(infos[i], tower_[i]);
    });
  }

 private:
  std::string method_;
  ThreadPool pool_{2};
  ModelPool models_{open_zoo_model, ""};
  std::shared_ptr<SourceCache> cache_ = std::make_shared<SourceCache>(kCacheBytes);
  std::vector<std::vector<float>> tower_;
};

void first(benchmark::State& state, const std::string& method) {
  CandidateMerger candidates(method);
  candidates.merge(0.5);  // the pages of the models and of the result are there
  for (auto _ : state) {
    state.PauseTiming();
    candidates.forget();
    state.ResumeTiming();
    candidates.merge(0.5);
  }
}

void next(benchmark::State& state, const std::string& method) {
  CandidateMerger candidates(method);
  candidates.merge(0.5);
  double weight = 0.5;
  for (auto _ : state) candidates.merge(weight += 1e-3);
}

double smallest(const std::vector<double>& values) {
  return *std::ranges::min_element(values);
}

void measured(benchmark::internal::Benchmark* bench) {
  bench->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();
  bench->ComputeStatistics("min", smallest);
}

BENCHMARK_CAPTURE(first, linear, "linear")->Apply(measured);
BENCHMARK_CAPTURE(next, linear, "linear")->Apply(measured);
BENCHMARK_CAPTURE(first, slerp, "slerp")->Apply(measured);
BENCHMARK_CAPTURE(next, slerp, "slerp")->Apply(measured);
BENCHMARK_CAPTURE(first, task_arithmetic, "task_arithmetic")->Apply(measured);
BENCHMARK_CAPTURE(next, task_arithmetic, "task_arithmetic")->Apply(measured);
BENCHMARK_CAPTURE(first, ties, "ties")->Apply(measured);
BENCHMARK_CAPTURE(next, ties, "ties")->Apply(measured);
BENCHMARK_CAPTURE(first, dare_ties, "dare_ties")->Apply(measured);
BENCHMARK_CAPTURE(next, dare_ties, "dare_ties")->Apply(measured);

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
