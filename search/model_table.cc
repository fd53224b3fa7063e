#include "search/model_table.h"

#include <algorithm>

#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

const BenchmarkResult& benchmark_of(const EvaluationResult& result, const std::string& benchmark) {
  for (const BenchmarkResult& candidate : result.benchmarks) {
    if (candidate.benchmark + "/" + candidate.split == benchmark) return candidate;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "a model was not measured on a benchmark: " + result.model + ": " + benchmark);
}

double japanese_share(const BenchmarkResult& result) {
  constexpr double kIsJapanese = 0.5;  // eval/metrics.h: lang_ja
  double count = 0.0;
  for (const SampleRecord& sample : result.samples) count += sample.p_ja >= kIsJapanese ? 1.0 : 0.0;
  return count / static_cast<double>(result.samples.size());
}

ModelRow make_row(const MeasuredModel& model, std::span<const BenchmarkMetric> columns) {
  ModelRow row;
  row.name = model.name;
  row.role = model.role;
  row.blind = model.blind;
  for (const BenchmarkMetric& column : columns) {
    const BenchmarkResult& result = benchmark_of(model.result, column.benchmark);
    row.scores.push_back(metric_mean(result, column.metric));
    row.japanese.push_back(japanese_share(result));
    row.mean += row.scores.back() / static_cast<double>(columns.size());
  }
  return row;
}

Json difference_to_json(const PairedDifference& difference) {
  return {{"difference", difference.difference},
          {"low", difference.low},
          {"high", difference.high},
          {"p_better", difference.p_better}};
}

Json row_to_json(const ModelRow& row) {
  Json json{{"name", row.name},   {"role", to_string(row.role)},
            {"blind", row.blind}, {"scores", row.scores},
            {"mean", row.mean},   {"japanese", row.japanese}};
  if (row.evolved_ahead) json["evolved_ahead"] = difference_to_json(*row.evolved_ahead);
  return json;
}

std::vector<double> numbers_from_json(const JsonFields& fields, const std::string& key,
                                      std::size_t count) {
  const auto found = fields.json().find(key);
  if (found == fields.json().end() || !found->is_array() || found->size() != count ||
      !std::all_of(found->begin(), found->end(), [](const Json& v) { return v.is_number(); })) {
    throw Error(ErrorCode::kCorruptFile,
                "expected " + std::to_string(count) + " numbers: " + fields.where() + ": " + key);
  }
  return found->get<std::vector<double>>();
}

ComparisonRole role_from_json(const JsonFields& fields) {
  try {
    return comparison_role(fields.text("role"), fields.where());
  } catch (const Error& error) {
    throw Error(ErrorCode::kCorruptFile, error.what());
  }
}

ModelRow row_from_json(const JsonFields& fields, std::size_t columns) {
  ModelRow row;
  row.name = fields.text("name");
  row.role = role_from_json(fields);
  row.blind = fields.boolean_or("blind", false);
  row.scores = numbers_from_json(fields, "scores", columns);
  row.mean = fields.number("mean");
  row.japanese = numbers_from_json(fields, "japanese", columns);
  if (fields.has("evolved_ahead")) {
    const JsonFields ahead = fields.object("evolved_ahead");
    row.evolved_ahead = PairedDifference{ahead.number("difference"), ahead.number("low"),
                                         ahead.number("high"), ahead.number("p_better"), 0};
  }
  return row;
}

const Json& array_of(const JsonFields& fields, const std::string& key) {
  const auto found = fields.json().find(key);
  if (found == fields.json().end() || !found->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list: " + fields.where() + ": " + key);
  }
  return *found;
}

}  // namespace

ModelTable make_model_table(std::span<const MeasuredModel> models,
                            std::span<const BenchmarkMetric> columns) {
  check(!models.empty() && !columns.empty(), "make_model_table: models and columns");
  ModelTable table{{columns.begin(), columns.end()}, {}};
  const MeasuredModel& evolved = models.back();
  for (const MeasuredModel& model : models) {
    ModelRow& row = table.rows.emplace_back(make_row(model, columns));
    if (&model == &evolved) continue;
    row.evolved_ahead = compare_mean(model.result, evolved.result, columns, {}).paired;
  }
  return table;
}

Json model_table_to_json(const ModelTable& table) {
  Json columns = Json::array();
  for (const BenchmarkMetric& column : table.columns) {
    columns.push_back({{"benchmark", column.benchmark}, {"metric", column.metric}});
  }
  Json rows = Json::array();
  for (const ModelRow& row : table.rows) rows.push_back(row_to_json(row));
  return {{"columns", columns}, {"rows", rows}};
}

ModelTable model_table_from_json(const Json& json, const std::string& where) {
  const JsonFields fields(json, where);
  ModelTable table;
  for (const Json& column : array_of(fields, "columns")) {
    const JsonFields entry(column, where);
    table.columns.push_back({entry.text("benchmark"), entry.text("metric")});
  }
  for (const Json& row : array_of(fields, "rows")) {
    table.rows.push_back(row_from_json(JsonFields(row, where), table.columns.size()));
  }
  return table;
}

}  // namespace vlm
