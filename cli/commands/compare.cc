#include "eval/compare.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/text_table.h"
#include "core/json_fields.h"
#include "eval/result_json.h"

namespace vlm {
namespace {

struct CompareArguments {
  std::vector<std::string> results;
  bool json = false;
};

Json row_json(const ComparisonRow& row, const std::string& candidate) {
  return {{"candidate", candidate},
          {"benchmark", row.benchmark},
          {"metric", row.metric},
          {"baseline_mean", row.baseline_mean},
          {"candidate_mean", row.candidate_mean},
          {"difference", row.paired.difference},
          {"low", row.paired.low},
          {"high", row.paired.high},
          {"p_better", row.paired.p_better},
          {"items", row.paired.num_items}};
}

void add_row(TextTable& table, const ComparisonRow& row, const std::string& candidate) {
  const PairedDifference& paired = row.paired;
  table.add_row({candidate, row.benchmark, row.metric, fixed(row.baseline_mean, 4),
                 fixed(row.candidate_mean, 4), fixed(paired.difference, 4),
                 "[" + fixed(paired.low, 4) + ", " + fixed(paired.high, 4) + "]",
                 fixed(paired.p_better, 3)});
}

void run_compare(const CompareArguments& arguments) {
  const EvaluationResult baseline = read_result_file(arguments.results.front());
  TextTable table({"model", "benchmark", "metric", "baseline", "mean", "difference",
                   "95 % interval", "P(better)"});
  table.align(1, TextTable::Align::kLeft);
  table.align(2, TextTable::Align::kLeft);
  Json rows = Json::array();
  for (std::size_t i = 1; i < arguments.results.size(); ++i) {
    const EvaluationResult candidate = read_result_file(arguments.results[i]);
    for (const ComparisonRow& row : compare_results(baseline, candidate, {})) {
      add_row(table, row, candidate.model);
      rows.push_back(row_json(row, candidate.model));
    }
  }
  if (arguments.json) {
    std::printf("%s\n", Json{{"baseline", baseline.model}, {"rows", rows}}.dump(2).c_str());
    return;
  }
  std::printf("baseline: %s (paired bootstrap, 10,000 resamples)\n\n%s", baseline.model.c_str(),
              table.to_string().c_str());
}

}  // namespace

void add_compare_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("compare", "is one model better than another? (bootstrap)");
  auto arguments = std::make_shared<CompareArguments>();
  command
      ->add_option("RESULT", arguments->results, "result files of eval; the first is the baseline")
      ->required()
      ->expected(2, -1);
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace vlm
