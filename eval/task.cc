#include "eval/task.h"

#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

// Akiba et al. 2024 stop WizardMath's run-on answers with these, in Japanese too.
std::vector<std::string> alpaca_stop_strings() {
  return {"Instruction:", "Instruction", "Response:", "Response"};
}

AnswerOptions greedy(std::size_t max_tokens) {
  return {max_tokens, 1, 1.0, {}};
}

AnswerOptions greedy_alpaca(std::size_t max_tokens) {
  return {max_tokens, 1, 1.0, alpaca_stop_strings()};
}

AnswerOptions paper_beams() {
  return {512, 5, 1.5, {}};
}

using MetricList = std::vector<std::string_view>;

MetricList japanese_vqa_metrics() {
  return {"rougeL_ja", "rougeL_ja:char", "rouge1_ja",   "rouge2_ja",
          "rougeL",    "rougeL:char",    "exact_match", "lang_ja"};
}

MetricList english_vqa_metrics() {
  return {"rougeL", "rouge1", "rouge2", "exact_match", "lang_ja"};
}

struct TaskRow {
  std::string_view benchmark;
  std::string_view language;
  std::string_view prompt;
  AnswerOptions options;
  MetricList metrics;
};

std::vector<TaskRow> task_rows() {
  const MetricList japanese_vqa = japanese_vqa_metrics();
  return {
      {"ja-emoji-vqa", "ja", "ja-vqa", greedy(48), japanese_vqa},
      {"ja-emoji-in-the-wild", "ja", "ja-vqa", greedy(48), japanese_vqa},
      {"en-emoji-vqa", "en", "en-vqa", greedy(48), english_vqa_metrics()},
      {"ja-math", "ja", "ja-alpaca-cot", greedy_alpaca(128), {"acc_ja", "acc", "lang_ja"}},
      {"en-math", "en", "en-alpaca-cot", greedy_alpaca(128), {"acc", "lang_ja"}},
      {"ja-vg-vqa-500", "ja", "ja-shisa-vqa", paper_beams(), japanese_vqa},
      {"ja-vlm-bench-in-the-wild", "ja", "ja-shisa-vqa", paper_beams(), japanese_vqa},
      {"mgsm-ja", "ja", "ja-alpaca-cot", greedy_alpaca(1024), {"acc_ja", "acc", "lang_ja"}},
  };
}

EvalPrompt build_prompt(const Task& task, const BenchmarkItem& item) {
  if (item.question.find("<image>") != std::string::npos) {
    throw Error(ErrorCode::kCorruptFile,
                "question holds the image token: " + task.benchmark + ": item " + item.id);
  }
  if (!task.prompt.needs_image) return {render_prompt(task.prompt, item.question), std::nullopt};
  if (!item.image) {
    throw Error(ErrorCode::kCorruptFile, "item without a picture: " + task.benchmark + ": item " +
                                             item.id + ": prompt " + task.prompt.name);
  }
  return {render_prompt(task.prompt, item.question), item.image};
}

}  // namespace

Task find_task(std::string_view benchmark) {
  std::vector<std::string> names;
  for (const TaskRow& row : task_rows()) {
    names.emplace_back(row.benchmark);
    if (row.benchmark != benchmark) continue;
    Task task{std::string(row.benchmark),
              std::string(row.language),
              find_prompt_template(row.prompt),
              row.options,
              {}};
    for (const std::string_view metric : row.metrics) task.metrics.push_back(parse_metric(metric));
    return task;
  }
  throw Error(ErrorCode::kInvalidArgument, "unknown task: '" + std::string(benchmark) + "'" +
                                               name_hint(std::string(benchmark), names));
}

std::vector<EvalPrompt> build_prompts(const Task& task, std::span<const BenchmarkItem> items) {
  std::vector<EvalPrompt> prompts;
  prompts.reserve(items.size());
  for (const BenchmarkItem& item : items) prompts.push_back(build_prompt(task, item));
  return prompts;
}

}  // namespace vlm
