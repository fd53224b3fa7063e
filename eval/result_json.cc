#include "eval/result_json.h"

#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/known_keys.h"
#include "datasets/jsonl.h"

namespace vlm {
namespace {

constexpr std::string_view kFormat = "vlm-merge-evaluation/1";
// fastText's probabilities pass 1 by about 1e-4.
constexpr double kLargestScore = 1.001;

[[noreturn]] void fail(const std::string& what, const std::string& where,
                       const std::string& value) {
  throw Error(ErrorCode::kCorruptFile, what + ": " + where + ": " + value);
}

const Json& array_at(const JsonFields& fields, const std::string& key, std::size_t max_size) {
  const auto found = fields.json().find(key);
  if (found == fields.json().end() || !found->is_array()) {
    fail("not an array", fields.where(), "'" + key + "'");
  }
  if (found->size() > max_size) {
    fail("array too long", fields.where(), "'" + key + "' with " + std::to_string(found->size()));
  }
  return *found;
}

constexpr std::size_t kMaxSamples = 1'000'000;

std::vector<std::string> read_texts(const JsonFields& fields, const std::string& key) {
  std::vector<std::string> texts;
  for (const Json& entry : array_at(fields, key, kMaxSamples)) {
    if (!entry.is_string()) fail("not a text", fields.where() + ": " + key, entry.type_name());
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

double checked_score(const Json& value, const std::string& where) {
  if (!value.is_number()) fail("not a number", where, value.type_name());
  const double score = value.get<double>();
  if (!(score >= 0.0 && score <= kLargestScore)) fail("score outside [0, 1]", where, value.dump());
  return score;
}

std::vector<double> read_scores(const JsonFields& fields, const std::string& key,
                                std::size_t num_samples) {
  std::vector<double> scores;
  const std::string where = fields.where() + ": " + key;
  for (const Json& entry : array_at(fields, key, kMaxSamples)) {
    scores.push_back(checked_score(entry, where));
  }
  if (scores.size() != num_samples) {
    fail("wrong number of scores", where,
         std::to_string(scores.size()) + " for " + std::to_string(num_samples) + " samples");
  }
  return scores;
}

Json options_to_json(const AnswerOptions& options) {
  return {{"max_tokens", options.max_tokens},
          {"num_beams", options.num_beams},
          {"repetition_penalty", options.repetition_penalty},
          {"stop_strings", options.stop_strings}};
}

AnswerOptions options_from_json(const JsonFields& fields) {
  const std::vector<std::string> known{"max_tokens", "num_beams", "repetition_penalty",
                                       "stop_strings"};
  require_known_keys(fields, known);
  return {fields.size("max_tokens"), fields.size("num_beams"), fields.number("repetition_penalty"),
          read_texts(fields, "stop_strings")};
}

Json benchmark_to_json(const BenchmarkResult& result) {
  Json json{{"name", result.benchmark},
            {"split", result.split},
            {"data_sha256", result.data_hash},
            {"prompt", result.prompt},
            {"generation", options_to_json(result.options)},
            {"num_samples", result.samples.size()},
            {"metric_order", Json::array()},
            {"metrics", Json::object()},
            {"scores", Json::object()},
            {"ids", Json::array()},
            {"p_ja", Json::array()}};
  for (const SampleRecord& sample : result.samples) {
    json["ids"].push_back(sample.id);
    json["p_ja"].push_back(sample.p_ja);
  }
  for (std::size_t i = 0; i < result.metrics.size(); ++i) {
    const auto& [metric, mean] = result.metrics[i];
    json["metric_order"].push_back(metric);
    json["metrics"][metric] = mean;
    Json scores = Json::array();
    for (const SampleRecord& sample : result.samples) scores.push_back(sample.scores[i]);
    json["scores"][metric] = std::move(scores);
  }
  return json;
}

void read_samples(const JsonFields& fields, BenchmarkResult& result) {
  std::set<std::string> seen;
  for (std::string& id : read_texts(fields, "ids")) {
    if (!seen.insert(id).second) fail("repeated id", fields.where(), "'" + id + "'");
    result.samples.emplace_back();
    result.samples.back().id = std::move(id);
  }
  const std::size_t num_samples = result.samples.size();
  if (num_samples == 0 || fields.size("num_samples") != num_samples) {
    fail("wrong number of samples", fields.where(),
         std::to_string(num_samples) + " ids, num_samples " +
             std::to_string(fields.size("num_samples")));
  }
  const std::vector<double> p_ja = read_scores(fields, "p_ja", num_samples);
  for (std::size_t i = 0; i < num_samples; ++i) result.samples[i].p_ja = p_ja[i];
}

// Adds the scores of one metric to the samples and checks its mean.
void read_metric(const JsonFields& fields, const std::string& metric, BenchmarkResult& result) {
  const std::size_t num_samples = result.samples.size();
  const auto scores = read_scores(fields.object("scores"), metric, num_samples);
  double sum = 0.0;
  for (std::size_t i = 0; i < num_samples; ++i) {
    sum += scores[i];
    result.samples[i].scores.push_back(scores[i]);
  }
  const double mean = fields.object("metrics").number(metric);
  if (std::abs(mean - sum / static_cast<double>(num_samples)) > 1e-9) {
    fail("mean does not belong to the scores", fields.where() + ": " + metric,
         std::to_string(mean));
  }
  result.metrics.push_back({metric, mean});
}

BenchmarkResult benchmark_from_json(const JsonFields& fields) {
  const std::vector<std::string> known{"name",       "split",       "data_sha256",  "prompt",
                                       "generation", "num_samples", "metric_order", "metrics",
                                       "scores",     "ids",         "p_ja"};
  require_known_keys(fields, known);
  BenchmarkResult result;
  result.benchmark = fields.text("name");
  result.split = fields.text("split");
  result.data_hash = fields.text("data_sha256");
  result.prompt = fields.text("prompt");
  result.options = options_from_json(fields.object("generation"));
  read_samples(fields, result);
  const std::vector<std::string> order = read_texts(fields, "metric_order");
  if (std::set<std::string>(order.begin(), order.end()).size() != order.size()) {
    fail("repeated metric", fields.where(), "metric_order");
  }
  require_known_keys(fields.object("metrics"), order);
  require_known_keys(fields.object("scores"), order);
  for (const std::string& metric : order) read_metric(fields, metric, result);
  return result;
}

SampleLine sample_from_json(const JsonFields& fields) {
  const std::vector<std::string> known{"benchmark", "split",      "id",   "question",
                                       "reference", "prediction", "p_ja", "scores"};
  require_known_keys(fields, known);
  SampleLine line;
  line.benchmark = fields.text("benchmark");
  line.split = fields.text("split");
  line.record.id = fields.text("id");
  line.record.question = fields.text("question");
  line.record.reference = fields.text("reference");
  line.record.prediction = fields.text("prediction");
  line.record.p_ja = fields.number("p_ja");
  for (const auto& entry : fields.object("scores").json().items()) {
    line.metrics.push_back(entry.key());
    line.record.scores.push_back(checked_score(entry.value(), fields.where() + ": " + entry.key()));
  }
  return line;
}

}  // namespace

Json result_to_json(const EvaluationResult& result) {
  Json json{{"format", kFormat},
            {"version", result.version},
            {"model", result.model},
            {"benchmarks", Json::array()}};
  for (const BenchmarkResult& benchmark : result.benchmarks) {
    json["benchmarks"].push_back(benchmark_to_json(benchmark));
  }
  return json;
}

EvaluationResult result_from_json(const Json& json, const std::string& where) {
  const JsonFields fields(json, where);
  const std::vector<std::string> known{"format", "version", "model", "benchmarks"};
  require_known_keys(fields, known);
  if (fields.text("format") != kFormat) {
    fail("not an evaluation result of this version", where, "'" + fields.text("format") + "'");
  }
  EvaluationResult result;
  result.version = fields.text("version");
  result.model = fields.text("model");
  constexpr std::size_t kMaxBenchmarks = 1000;
  for (const Json& entry : array_at(fields, "benchmarks", kMaxBenchmarks)) {
    const std::string place = where + ": benchmark " + std::to_string(result.benchmarks.size());
    result.benchmarks.push_back(benchmark_from_json(JsonFields(entry, place)));
  }
  return result;
}

void write_result_file(const std::filesystem::path& path, const EvaluationResult& result) {
  constexpr int kIndent = 1;
  write_file_atomically(
      path,
      result_to_json(result).dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n");
}

EvaluationResult read_result_file(const std::filesystem::path& path) {
  return result_from_json(read_json_file(path), path.string());
}

std::string samples_to_jsonl(const EvaluationResult& result) {
  std::string text;
  for (const BenchmarkResult& benchmark : result.benchmarks) {
    for (const SampleRecord& sample : benchmark.samples) {
      Json line{{"benchmark", benchmark.benchmark},
                {"split", benchmark.split},
                {"id", sample.id},
                {"question", sample.question},
                {"reference", sample.reference},
                {"prediction", sample.prediction},
                {"p_ja", sample.p_ja},
                {"scores", Json::object()}};
      for (std::size_t i = 0; i < benchmark.metrics.size(); ++i) {
        line["scores"][benchmark.metrics[i].metric] = sample.scores[i];
      }
      text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
  }
  return text;
}

std::vector<SampleLine> samples_from_jsonl(std::string_view text, const std::string& where) {
  std::vector<SampleLine> samples;
  for (const JsonlLine& line : parse_jsonl(text, where)) {
    samples.push_back(sample_from_json(JsonFields(line.object, line.where)));
  }
  return samples;
}

std::vector<SampleLine> read_samples_file(const std::filesystem::path& path) {
  return samples_from_jsonl(read_text_file(path), path.string());
}

}  // namespace vlm
