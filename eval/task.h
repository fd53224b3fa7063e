#pragma once

// A task says how a benchmark is put to a model and scored: prompt, generation, metrics.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/benchmark.h"
#include "eval/answer.h"
#include "eval/metrics.h"
#include "eval/prompt.h"

namespace vlm {

struct Task {
  std::string benchmark;  // name in datasets/registry.h
  std::string language;   // "ja" or "en", of the answers
  PromptTemplate prompt;
  AnswerOptions options;
  std::vector<Metric> metrics;  // the first is the one to report alone
};

// The task of a benchmark. ja-vg-vqa-500, ja-vlm-bench-in-the-wild and mgsm-ja have the settings of
// Akiba et al. 2024 (5 beams and repetition penalty 1.5 for pictures, greedy for word problems),
// the bundled benchmarks those their models were made for.
// Throws Error{kInvalidArgument} for an unknown name, with the nearest one.
Task find_task(std::string_view benchmark);

// The prompts of the items, in order. Throws Error{kCorruptFile} if the template needs a picture
// and an item has none, or a question holds "<image>".
std::vector<EvalPrompt> build_prompts(const Task& task, std::span<const BenchmarkItem> items);

}  // namespace vlm
