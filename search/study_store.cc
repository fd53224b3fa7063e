#include "search/study_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/version.h"
#include "search/study_schema.h"
#include "search/trial_rows.h"
#include "search/utc_time.h"

namespace vlm {
namespace {

using Kind = SqliteTransaction::Kind;

constexpr std::size_t kMaxNameBytes = 512;  // VARCHAR(512) in Optuna's schema
constexpr const char* kFailReasonKey = "fail_reason";

void require_usable(const StudyDescription& description) {
  if (description.name.empty() || description.name.size() > kMaxNameBytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "bad name of a study: length in bytes: " + std::to_string(description.name.size()) +
                    " (1 to 512)");
  }
  if (description.directions.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "no objective: study: " + description.name);
  }
}

std::optional<std::int64_t> find_study(SqliteDatabase& database, const std::string& name) {
  SqliteStatement row = database.prepare("SELECT study_id FROM studies WHERE study_name = ?");
  if (!row.bind(1, name).step()) return std::nullopt;
  return row.integer(0);
}

std::vector<std::string> names_in(SqliteDatabase& database) {
  SqliteStatement row = database.prepare("SELECT study_name FROM studies ORDER BY study_id");
  std::vector<std::string> names;
  while (row.step()) names.push_back(row.text(0));
  return names;
}

void insert_directions(SqliteDatabase& database, std::int64_t study_id,
                       const std::vector<Direction>& directions) {
  SqliteStatement insert = database.prepare(
      "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)");
  for (std::size_t i = 0; i < directions.size(); ++i) {
    insert.bind(1, directions[i] == Direction::kMaximize ? "MAXIMIZE" : "MINIMIZE")
        .bind(2, study_id)
        .bind(3, static_cast<std::int64_t>(i))
        .run();
  }
}

void insert_identity(SqliteDatabase& database, std::int64_t study_id,
                     const StudyIdentity& identity) {
  SqliteStatement insert = database.prepare("INSERT INTO vlm_identity VALUES (?, ?, ?)");
  for (const auto& [key, value] : identity) {
    insert.bind(1, study_id).bind(2, key).bind(3, value).run();
  }
}

}  // namespace

StudyStore::StudyStore(SqliteDatabase database, std::int64_t study_id, std::string name)
    : database_(std::move(database)), study_id_(study_id), name_(std::move(name)) {}

StudyStore StudyStore::create(const std::filesystem::path& file,
                              const StudyDescription& description) {
  require_usable(description);
  SqliteDatabase database(file, SqliteDatabase::Missing::kCreate);
  SqliteTransaction transaction(database, Kind::kWrite);
  create_study_schema(database);
  if (find_study(database, description.name)) {
    throw Error(ErrorCode::kExists, "study exists: " + database.where() + ": " + description.name +
                                        " (continue it with --resume, or choose another name)");
  }
  database.prepare("INSERT INTO studies (study_name) VALUES (?)").bind(1, description.name).run();
  const std::int64_t study_id = database.last_insert_id();
  insert_directions(database, study_id, description.directions);
  insert_identity(database, study_id, description.identity);
  SqliteStatement attribute = database.prepare(
      "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?)");
  for (const auto& [key, value] : description.attributes) {
    attribute.bind(1, study_id).bind(2, key).bind(3, stored_json(value)).run();
  }
  transaction.commit();
  return {std::move(database), study_id, description.name};
}

StudyStore StudyStore::open(const std::filesystem::path& file, const std::string& study_name) {
  SqliteDatabase database(file, SqliteDatabase::Missing::kRefuse);
  require_study_schema(database);
  const std::optional<std::int64_t> study_id = find_study(database, study_name);
  if (!study_id) {
    std::string known;
    for (const std::string& name : names_in(database)) known += (known.empty() ? "" : ", ") + name;
    throw Error(ErrorCode::kNotFound,
                "no such study: " + database.where() + ": " + study_name + " (has: " + known + ")");
  }
  return {std::move(database), *study_id, study_name};
}

std::vector<std::string> StudyStore::study_names(const std::filesystem::path& file) {
  SqliteDatabase database(file, SqliteDatabase::Missing::kRefuse);
  if (has_no_tables(database)) return {};
  require_study_schema(database);
  return names_in(database);
}

std::vector<Direction> StudyStore::directions() const {
  SqliteStatement row = database_.prepare(
      "SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective");
  row.bind(1, study_id_);
  std::vector<Direction> directions;
  while (row.step()) {
    const std::string name = row.text(0);
    if (name != "MAXIMIZE" && name != "MINIMIZE") {
      throw Error(ErrorCode::kCorruptFile,
                  "unknown direction: " + database_.where() + ": " + name.substr(0, 40));
    }
    directions.push_back(name == "MAXIMIZE" ? Direction::kMaximize : Direction::kMinimize);
  }
  return directions;
}

StudyIdentity StudyStore::identity() const {
  SqliteStatement row = database_.prepare("SELECT key, value FROM vlm_identity WHERE study_id = ?");
  row.bind(1, study_id_);
  StudyIdentity identity;
  while (row.step()) identity[row.text(0)] = row.text(1);
  return identity;
}

std::map<std::string, Json> StudyStore::attributes() const {
  SqliteStatement row =
      database_.prepare("SELECT key, value_json FROM study_user_attributes WHERE study_id = ?");
  row.bind(1, study_id_);
  std::map<std::string, Json> attributes;
  while (row.step()) attributes[row.text(0)] = json_or_text(row.text(1));
  return attributes;
}

void StudyStore::set_attribute(const std::string& key, const Json& value) {
  database_
      .prepare(
          "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
          "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json")
      .bind(1, study_id_)
      .bind(2, key)
      .bind(3, stored_json(value))
      .run();
}

bool StudyStore::ask_generation(const StudyGeneration& generation, const SearchSpace& space,
                                std::span<const std::vector<double>> candidates) {
  for (const std::vector<double>& point : candidates) {
    check(point.size() == space.size(), "ask_generation: one value per dimension");
  }
  const auto index = static_cast<std::int64_t>(generation.index);
  SqliteTransaction transaction(database_, Kind::kWrite);
  SqliteStatement exists =
      database_.prepare("SELECT 1 FROM vlm_generations WHERE study_id = ? AND generation = ?");
  if (exists.bind(1, study_id_).bind(2, index).step()) return false;
  database_.prepare("INSERT INTO vlm_generations VALUES (?, ?, ?, ?)")
      .bind(1, study_id_)
      .bind(2, index)
      .bind(3, utc_now())
      .bind(4, stored_json(generation.optimizer_state))
      .run();
  SqliteStatement count = database_.prepare("SELECT count(*) FROM trials WHERE study_id = ?");
  count.bind(1, study_id_).step();
  const std::int64_t first_number = count.integer(0);
  SqliteStatement insert =
      database_.prepare("INSERT INTO trials (number, study_id, state) VALUES (?, ?, 'WAITING')");
  for (std::size_t candidate = 0; candidate < candidates.size(); ++candidate) {
    insert.bind(1, first_number + static_cast<std::int64_t>(candidate)).bind(2, study_id_).run();
    const std::int64_t trial_id = database_.last_insert_id();
    insert_parameters(database_, trial_id, space, candidates[candidate]);
    vlm::set_trial_attribute(database_, trial_id, kGenerationKey, generation.index);
    vlm::set_trial_attribute(database_, trial_id, kCandidateKey, candidate);
  }
  transaction.commit();
  return true;
}

std::optional<Trial> StudyStore::claim(const std::string& worker) {
  SqliteTransaction transaction(database_, Kind::kWrite);
  SqliteStatement first = database_.prepare(
      "SELECT trial_id FROM trials WHERE study_id = ? AND state = 'WAITING' "
      "ORDER BY trial_id LIMIT 1");
  if (!first.bind(1, study_id_).step()) return std::nullopt;
  const std::int64_t trial_id = first.integer(0);
  const std::string now = utc_now();
  database_.prepare("UPDATE trials SET state = 'RUNNING', datetime_start = ? WHERE trial_id = ?")
      .bind(1, now)
      .bind(2, trial_id)
      .run();
  database_
      .prepare(
          "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, ?) "
          "ON CONFLICT (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat")
      .bind(1, trial_id)
      .bind(2, now)
      .run();
  vlm::set_trial_attribute(database_, trial_id, kWorkerKey, worker);
  vlm::set_trial_attribute(database_, trial_id, kVersionKey, kVersion);
  std::vector<Trial> trials = read_trials(database_, study_id_, "trial_id = ?2", trial_id);
  transaction.commit();
  return std::move(trials.front());
}

bool StudyStore::beat(std::int64_t trial_id, const std::string& worker) {
  SqliteTransaction transaction(database_, Kind::kWrite);
  if (!is_running_under(trial_id, worker)) return false;
  database_.prepare("UPDATE trial_heartbeats SET heartbeat = ? WHERE trial_id = ?")
      .bind(1, utc_now())
      .bind(2, trial_id)
      .run();
  transaction.commit();
  return true;
}

TellResult StudyStore::tell_complete(std::int64_t trial_id, const std::string& worker,
                                     const Evaluation& evaluation) {
  if (evaluation.values.size() != directions().size()) {
    throw Error(ErrorCode::kInvalidArgument, "wrong number of objective values: study " + name_ +
                                                 ": " + std::to_string(evaluation.values.size()) +
                                                 " (has " + std::to_string(directions().size()) +
                                                 ")");
  }
  const auto bad = std::find_if_not(evaluation.values.begin(), evaluation.values.end(),
                                    [](double value) { return std::isfinite(value); });
  if (bad != evaluation.values.end()) {
    return tell_failed(trial_id, worker,
                       "objective " + std::to_string(bad - evaluation.values.begin()) + " is " +
                           std::to_string(*bad));
  }
  SqliteTransaction transaction(database_, Kind::kWrite);
  if (!is_running_under(trial_id, worker)) return TellResult::kRevoked;
  insert_evaluation(database_, trial_id, evaluation);
  finish(trial_id, "COMPLETE");
  transaction.commit();
  return TellResult::kRecorded;
}

TellResult StudyStore::tell_failed(std::int64_t trial_id, const std::string& worker,
                                   const std::string& reason) {
  SqliteTransaction transaction(database_, Kind::kWrite);
  if (!is_running_under(trial_id, worker)) return TellResult::kRevoked;
  vlm::set_trial_attribute(database_, trial_id, kFailReasonKey, reason);
  finish(trial_id, "FAIL");
  transaction.commit();
  return TellResult::kRecorded;
}

void StudyStore::set_trial_attribute(std::int64_t trial_id, const std::string& key,
                                     const Json& value) {
  vlm::set_trial_attribute(database_, trial_id, key, value);
}

std::size_t StudyStore::requeue_running(
    const std::function<bool(const std::string& worker, double silent_seconds)>& is_dead) {
  SqliteTransaction transaction(database_, Kind::kWrite);
  SqliteStatement row = database_.prepare(
      "SELECT t.trial_id, a.value_json, "
      "(julianday('now') - julianday(coalesce(h.heartbeat, t.datetime_start))) * 86400.0 "
      "FROM trials t LEFT JOIN trial_heartbeats h ON h.trial_id = t.trial_id "
      "LEFT JOIN trial_user_attributes a ON a.trial_id = t.trial_id AND a.key = ? "
      "WHERE t.study_id = ? AND t.state = 'RUNNING'");
  row.bind(1, kWorkerKey).bind(2, study_id_);
  std::vector<std::int64_t> dead;
  while (row.step()) {
    const Json worker = row.is_null(1) ? Json("") : json_or_text(row.text(1));
    const double silent_seconds =
        row.is_null(2) ? std::numeric_limits<double>::infinity() : row.real(2);
    const std::string name = worker.is_string() ? worker.get<std::string>() : "";
    if (is_dead(name, silent_seconds)) dead.push_back(row.integer(0));
  }
  SqliteStatement reset = database_.prepare(
      "UPDATE trials SET state = 'WAITING', datetime_start = NULL WHERE trial_id = ?");
  SqliteStatement silence = database_.prepare("DELETE FROM trial_heartbeats WHERE trial_id = ?");
  SqliteStatement forget =
      database_.prepare("DELETE FROM trial_user_attributes WHERE trial_id = ? AND key = ?");
  for (const std::int64_t trial_id : dead) {
    reset.bind(1, trial_id).run();
    silence.bind(1, trial_id).run();
    forget.bind(1, trial_id).bind(2, kWorkerKey).run();
  }
  transaction.commit();
  return dead.size();
}

std::vector<Trial> StudyStore::trials() const {
  const SqliteTransaction snapshot(database_, Kind::kRead);
  return read_trials(database_, study_id_, "?2 = 0", 0);
}

std::vector<Trial> StudyStore::generation_trials(std::size_t generation) const {
  const SqliteTransaction snapshot(database_, Kind::kRead);
  return read_trials(database_, study_id_,
                     "EXISTS (SELECT 1 FROM trial_user_attributes a WHERE "
                     "a.trial_id = trials.trial_id AND a.key = 'gen' AND a.value_json = ?2)",
                     static_cast<std::int64_t>(generation));
}

std::optional<StudyGeneration> StudyStore::last_generation() const {
  SqliteStatement row = database_.prepare(
      "SELECT generation, optimizer_state FROM vlm_generations WHERE study_id = ? "
      "ORDER BY generation DESC LIMIT 1");
  if (!row.bind(1, study_id_).step()) return std::nullopt;
  return StudyGeneration{static_cast<std::size_t>(row.integer(0)),
                         parse_json(row.text(1), database_.where() + ": state of the optimiser")};
}

std::optional<Trial> StudyStore::best_trial(std::size_t objective) const {
  const std::vector<Direction> all = directions();
  if (objective >= all.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "no such objective: study " + name_ + ": " + std::to_string(objective));
  }
  const SqliteTransaction snapshot(database_, Kind::kRead);
  SqliteStatement row = database_.prepare(
      std::string("SELECT t.trial_id FROM trials t JOIN trial_values v ON v.trial_id = t.trial_id "
                  "WHERE t.study_id = ? AND t.state = 'COMPLETE' AND v.objective = ? AND "
                  "v.value_type = 'FINITE' ORDER BY v.value ") +
      (all[objective] == Direction::kMaximize ? "DESC" : "ASC") + ", t.number LIMIT 1");
  if (!row.bind(1, study_id_).bind(2, static_cast<std::int64_t>(objective)).step()) {
    return std::nullopt;
  }
  return read_trials(database_, study_id_, "trial_id = ?2", row.integer(0)).front();
}

std::vector<ItemOutcome> StudyStore::items(std::int64_t trial_id) const {
  return read_items(database_, trial_id);
}

std::map<std::string, double> StudyStore::seconds(std::int64_t trial_id) const {
  return read_seconds(database_, trial_id);
}

bool StudyStore::is_running_under(std::int64_t trial_id, const std::string& worker) const {
  SqliteStatement row = database_.prepare(
      "SELECT 1 FROM trials t JOIN trial_user_attributes a ON a.trial_id = t.trial_id "
      "WHERE t.trial_id = ? AND t.study_id = ? AND t.state = 'RUNNING' "
      "AND a.key = ? AND a.value_json = ?");
  return row.bind(1, trial_id)
      .bind(2, study_id_)
      .bind(3, kWorkerKey)
      .bind(4, stored_json(worker))
      .step();
}

void StudyStore::finish(std::int64_t trial_id, const char* state) {
  database_.prepare("UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?")
      .bind(1, state)
      .bind(2, utc_now())
      .bind(3, trial_id)
      .run();
}

void StudyStore::set_document(const std::string& name, const Json& content) {
  SqliteStatement row = database_.prepare("INSERT OR REPLACE INTO vlm_documents VALUES (?, ?, ?)");
  row.bind(1, study_id_);
  row.bind(2, name);
  row.bind(3, content.dump(-1, ' ', false, Json::error_handler_t::replace));
  row.step();
}

std::optional<Json> StudyStore::document(const std::string& name) const {
  SqliteStatement row =
      database_.prepare("SELECT content FROM vlm_documents WHERE study_id = ? AND name = ?");
  row.bind(1, study_id_);
  row.bind(2, name);
  if (!row.step()) return std::nullopt;
  return parse_json(row.text(0), database_.where() + ": document " + name);
}

std::vector<std::string> StudyStore::document_names() const {
  SqliteStatement row =
      database_.prepare("SELECT name FROM vlm_documents WHERE study_id = ? ORDER BY name");
  row.bind(1, study_id_);
  std::vector<std::string> names;
  while (row.step()) names.push_back(row.text(0));
  return names;
}

}  // namespace vlm
