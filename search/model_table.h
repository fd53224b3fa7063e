#pragma once

// The table at the end of a search: the evolved model beside its parents, the controls and the
// merges nobody tuned, on the test benchmarks.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json_fields.h"
#include "eval/compare.h"
#include "eval/result_json.h"
#include "search/search_config.h"

namespace vlm {

struct ModelRow {
  std::string name;
  ComparisonRole role = ComparisonRole::kParent;
  bool blind = false;                             // a text model, asked without the pictures
  std::vector<double> scores;                     // [columns]
  double mean = 0.0;                              // of the columns
  std::vector<double> japanese;                   // [columns] share of answers that are Japanese
  std::optional<PairedDifference> evolved_ahead;  // evolved minus this row; absent for the evolved
};

struct ModelTable {
  std::vector<BenchmarkMetric> columns;
  std::vector<ModelRow> rows;  // as in the search file, the evolved model last
};

// A model with what it was measured to do.
struct MeasuredModel {
  std::string name;
  ComparisonRole role = ComparisonRole::kParent;
  bool blind = false;
  EvaluationResult result;
};

// Puts results side by side. The last model is the evolved one; every other row gets the paired
// bootstrap (10,000 resamples) of the difference of the means.
// Throws Error{kInvalidArgument} if results do not belong together, {kCorruptFile} for bad JSON.
ModelTable make_model_table(std::span<const MeasuredModel> models,
                            std::span<const BenchmarkMetric> columns);

Json model_table_to_json(const ModelTable& table);
ModelTable model_table_from_json(const Json& json, const std::string& where);

}  // namespace vlm
