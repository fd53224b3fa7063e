#pragma once

// The files `eval` writes: RESULT.json with everything `compare` needs, and one JSON line per
// sample. Both are read as untrusted input. Layout: docs/formats.md.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"
#include "eval/runner.h"

namespace vlm {

// All benchmarks one model was evaluated on in one run.
struct EvaluationResult {
  std::string version;  // of the program
  std::string model;    // as named on the command line
  std::vector<BenchmarkResult> benchmarks;
};

// Numbers are written with 17 digits, so that reading gives the same doubles.
Json result_to_json(const EvaluationResult& result);

// The samples come back with id, scores and p_ja; texts are only in the sample file.
// Throws Error{kCorruptFile} for missing, unknown or ill-typed keys, scores outside [0, 1.001],
// arrays of unequal length, repeated ids, or means that do not belong to the scores.
EvaluationResult result_from_json(const Json& json, const std::string& where);

// Throws Error{kIo}.
void write_result_file(const std::filesystem::path& path, const EvaluationResult& result);
// Throws Error{kNotFound, kIo, kCorruptFile}.
EvaluationResult read_result_file(const std::filesystem::path& path);

// A sample as read back, with the benchmark it belongs to.
struct SampleLine {
  std::string benchmark;
  std::string split;
  std::vector<std::string> metrics;
  SampleRecord record;
};

// One line per sample of all benchmarks.
std::string samples_to_jsonl(const EvaluationResult& result);
// Parses the text of `where`. Throws Error{kCorruptFile} as result_from_json() does.
std::vector<SampleLine> samples_from_jsonl(std::string_view text, const std::string& where);
// Throws Error{kNotFound, kIo, kCorruptFile}.
std::vector<SampleLine> read_samples_file(const std::filesystem::path& path);

}  // namespace vlm
