#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/text_table.h"
#include "core/error.h"
#include "datasets/jsonl.h"
#include "eval/language_identification.h"
#include "eval/metrics.h"

namespace vlm {
namespace {

struct MetricArguments {
  std::string name;
  std::string input;
  std::string tokenizer;
  bool json = false;
};

AnswerPair pair_of(const JsonlLine& line) {
  const JsonFields fields(line.object, line.where);
  AnswerPair pair{fields.text("reference"), fields.text("prediction"), {}};
  if (fields.has("answer_number")) pair.answer_number = fields.number("answer_number");
  return pair;
}

Json score_json(const MetricScore& score) {
  if (!score.rouge) return {{"value", score.value}};
  return {{"precision", score.rouge->precision},
          {"recall", score.rouge->recall},
          {"f1", score.rouge->f1}};
}

void run_metric(const MetricArguments& arguments) {
  const std::string suffix = arguments.tokenizer.empty() ? "" : ":" + arguments.tokenizer;
  const Metric metric = parse_metric(arguments.name + suffix);
  const LanguageIdentifier identifier(language_model_path(find_data_root()));
  const MetricScorer scorer(identifier);
  double sum = 0.0;
  Json pairs = Json::array();
  for (const JsonlLine& line : read_jsonl_file(arguments.input)) {
    const MetricScore score = scorer.score(metric, pair_of(line));
    sum += score.value;
    pairs.push_back(score_json(score));
  }
  if (pairs.empty()) throw Error(ErrorCode::kCorruptFile, "no pairs: " + arguments.input);
  const double mean = sum / static_cast<double>(pairs.size());
  if (arguments.json) {
    std::printf("%s\n",
                Json{{"name", metric.name}, {"mean", mean}, {"pairs", pairs}}.dump().c_str());
  } else {
    std::printf("%s %s over %zu pairs\n", metric.name.c_str(), fixed(mean, 6).c_str(),
                pairs.size());
  }
}

}  // namespace

void add_metric_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("metric", "score predictions made by any program");
  auto arguments = std::make_shared<MetricArguments>();
  command->add_option("NAME", arguments->name, "rougeL, rougeL_ja, exact_match, p_ja, acc, ...")
      ->required();
  command
      ->add_option("--input", arguments->input, R"(JSON lines with "prediction" and "reference")")
      ->required();
  command->add_option("--tokenizer", arguments->tokenizer, "icu (default) or char");
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run_metric(*arguments); });
}

}  // namespace vlm
