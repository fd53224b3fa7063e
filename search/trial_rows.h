#pragma once

// The rows of a trial: reading and writing Optuna's tables and ours. No transactions here: the
// callers make one of several calls.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "evolve/search_space.h"
#include "search/sqlite_database.h"
#include "search/study_records.h"

namespace vlm {

// The user attributes that place a trial in its generation; values are JSON integers.
constexpr const char* kGenerationKey = "gen";
constexpr const char* kCandidateKey = "cand";
// The process that evaluates or evaluated the trial; a JSON string.
constexpr const char* kWorkerKey = "worker";
// The program's version that evaluates or evaluated the trial; a JSON string.
constexpr const char* kVersionKey = "version";

// The trials of a study, by number, that fulfil an SQL condition on the table trials, in which ?2
// stands for `value`. An attribute that is no JSON (Optuna writes NaN bare) becomes a string.
// Throws Error{kCorruptFile, kIo}.
std::vector<Trial> read_trials(SqliteDatabase& database, std::int64_t study_id,
                               const std::string& condition, std::int64_t value);

// In the order in which they were recorded.
std::vector<ItemOutcome> read_items(SqliteDatabase& database, std::int64_t trial_id);

// Phase to duration.
std::map<std::string, double> read_seconds(SqliteDatabase& database, std::int64_t trial_id);

// `point` has one value per dimension. The distributions are Optuna's FloatDistribution.
void insert_parameters(SqliteDatabase& database, std::int64_t trial_id, const SearchSpace& space,
                       const std::vector<double>& point);

// REQUIRES: all values are finite.
void insert_evaluation(SqliteDatabase& database, std::int64_t trial_id,
                       const Evaluation& evaluation);

// Replaces an earlier value.
void set_trial_attribute(SqliteDatabase& database, std::int64_t trial_id, const std::string& key,
                         const Json& value);

// The text of a JSON value as stored: bytes that are not UTF-8 are replaced.
std::string stored_json(const Json& value);

// The reverse of stored_json(), lenient as described at read_trials().
Json json_or_text(const std::string& stored);

}  // namespace vlm
