#include "search/trial_rows.h"

#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

using TrialsById = std::map<std::int64_t, Trial>;

TrialState state_of(const std::string& name, const SqliteDatabase& database) {
  static const std::map<std::string, TrialState> states{{"WAITING", TrialState::kWaiting},
                                                        {"RUNNING", TrialState::kRunning},
                                                        {"COMPLETE", TrialState::kComplete},
                                                        {"PRUNED", TrialState::kPruned},
                                                        {"FAIL", TrialState::kFailed}};
  const auto found = states.find(name);
  if (found == states.end()) {
    throw Error(ErrorCode::kCorruptFile,
                "unknown state of a trial: " + database.where() + ": " + name.substr(0, 40));
  }
  return found->second;
}

// A value column and its type, as Optuna keeps infinities.
double value_of(const SqliteStatement& row, int column) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string type = row.text(column + 1);
  if (type == "INF_POS") return kInfinity;
  if (type == "INF_NEG") return -kInfinity;
  return row.is_null(column) ? std::numeric_limits<double>::quiet_NaN() : row.real(column);
}

std::optional<std::size_t> index_in(const std::map<std::string, Json>& attributes,
                                    const char* key) {
  const auto found = attributes.find(key);
  if (found == attributes.end() || !found->second.is_number_unsigned()) return std::nullopt;
  return found->second.get<std::size_t>();
}

class TrialReader {
 public:
  TrialReader(SqliteDatabase& database, std::int64_t study_id, const std::string& condition,
              std::int64_t value)
      : database_(database),
        selection_(" FROM trials WHERE study_id = ?1 AND " + condition),
        study_id_(study_id),
        value_(value) {}

  TrialsById read() {
    SqliteStatement row =
        select("SELECT trial_id, number, state, datetime_start, datetime_complete" + selection_);
    TrialsById trials;
    while (row.step()) {
      Trial& trial = trials[row.integer(0)];
      trial.id = row.integer(0);
      trial.number = row.integer(1);
      trial.state = state_of(row.text(2), database_);
      trial.started = row.text(3);
      trial.completed = row.text(4);
    }
    read_parameters(trials);
    read_values(trials);
    read_attributes(trials);
    return trials;
  }

 private:
  SqliteStatement select(const std::string& sql) {
    SqliteStatement statement = database_.prepare(sql);
    statement.bind(1, study_id_).bind(2, value_);
    return statement;
  }

  [[nodiscard]] std::string of_selected() const {
    return " WHERE trial_id IN (SELECT trial_id" + selection_ + ")";
  }

  void read_parameters(TrialsById& trials) {
    SqliteStatement row =
        select("SELECT trial_id, param_name, param_value FROM trial_params" + of_selected());
    while (row.step()) trials[row.integer(0)].parameters[row.text(1)] = row.real(2);
  }

  void read_values(TrialsById& trials) {
    SqliteStatement row = select("SELECT trial_id, value, value_type FROM trial_values" +
                                 of_selected() + " ORDER BY trial_id, objective");
    while (row.step()) trials[row.integer(0)].values.push_back(value_of(row, 1));
  }

  void read_attributes(TrialsById& trials) {
    SqliteStatement row =
        select("SELECT trial_id, key, value_json FROM trial_user_attributes" + of_selected());
    while (row.step()) {
      trials[row.integer(0)].attributes[row.text(1)] = json_or_text(row.text(2));
    }
    for (auto& [id, trial] : trials) {
      trial.generation = index_in(trial.attributes, kGenerationKey);
      trial.candidate = index_in(trial.attributes, kCandidateKey);
    }
  }

  SqliteDatabase& database_;
  std::string selection_;
  std::int64_t study_id_;
  std::int64_t value_;
};

std::string distribution_json(const Dimension& dimension) {
  const Json attributes{
      {"step", nullptr}, {"low", dimension.low}, {"high", dimension.high}, {"log", false}};
  return stored_json(Json{{"name", "FloatDistribution"}, {"attributes", attributes}});
}

void insert_outcome(SqliteDatabase& database, std::int64_t trial_id, const Evaluation& evaluation) {
  SqliteStatement item = database.prepare("INSERT INTO vlm_items VALUES (?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < evaluation.items.size(); ++i) {
    const ItemOutcome& outcome = evaluation.items[i];
    item.bind(1, trial_id)
        .bind(2, static_cast<std::int64_t>(i))
        .bind(3, outcome.benchmark)
        .bind(4, outcome.item_id)
        .bind(5, outcome.score)
        .bind(6, outcome.prediction)
        .run();
  }
  SqliteStatement timing = database.prepare("INSERT INTO vlm_seconds VALUES (?, ?, ?)");
  for (const auto& [phase, seconds] : evaluation.seconds) {
    timing.bind(1, trial_id).bind(2, phase).bind(3, seconds).run();
  }
}

void insert_values(SqliteDatabase& database, std::int64_t trial_id,
                   const std::vector<double>& values) {
  SqliteStatement insert = database.prepare(
      "INSERT INTO trial_values (trial_id, objective, value, value_type) "
      "VALUES (?, ?, ?, 'FINITE')");
  for (std::size_t i = 0; i < values.size(); ++i) {
    insert.bind(1, trial_id).bind(2, static_cast<std::int64_t>(i)).bind(3, values[i]).run();
  }
}

}  // namespace

std::string stored_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_or_text(const std::string& stored) {
  try {
    return parse_json(stored, "attribute");
  } catch (const Error&) {
    return stored;
  }
}

std::vector<Trial> read_trials(SqliteDatabase& database, std::int64_t study_id,
                               const std::string& condition, std::int64_t value) {
  TrialsById by_id = TrialReader(database, study_id, condition, value).read();
  std::multimap<std::int64_t, Trial> by_number;
  for (auto& [id, trial] : by_id) by_number.emplace(trial.number, std::move(trial));
  std::vector<Trial> trials;
  trials.reserve(by_number.size());
  for (auto& [number, trial] : by_number) trials.push_back(std::move(trial));
  return trials;
}

void insert_parameters(SqliteDatabase& database, std::int64_t trial_id, const SearchSpace& space,
                       const std::vector<double>& point) {
  SqliteStatement insert = database.prepare(
      "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
      "VALUES (?, ?, ?, ?)");
  for (std::size_t i = 0; i < space.size(); ++i) {
    insert.bind(1, trial_id)
        .bind(2, space.dimensions[i].name)
        .bind(3, point[i])
        .bind(4, distribution_json(space.dimensions[i]))
        .run();
  }
}

void set_trial_attribute(SqliteDatabase& database, std::int64_t trial_id, const std::string& key,
                         const Json& value) {
  database
      .prepare(
          "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?) "
          "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json")
      .bind(1, trial_id)
      .bind(2, key)
      .bind(3, stored_json(value))
      .run();
}

void insert_evaluation(SqliteDatabase& database, std::int64_t trial_id,
                       const Evaluation& evaluation) {
  insert_values(database, trial_id, evaluation.values);
  insert_outcome(database, trial_id, evaluation);
  for (const auto& [key, value] : evaluation.attributes) {
    set_trial_attribute(database, trial_id, key, value);
  }
}

std::vector<ItemOutcome> read_items(SqliteDatabase& database, std::int64_t trial_id) {
  SqliteStatement row = database.prepare(
      "SELECT benchmark, item_id, score, prediction FROM vlm_items WHERE trial_id = ? "
      "ORDER BY position");
  row.bind(1, trial_id);
  std::vector<ItemOutcome> items;
  while (row.step()) {
    const double score = row.is_null(2) ? std::numeric_limits<double>::quiet_NaN() : row.real(2);
    items.push_back({row.text(0), row.text(1), score, row.text(3)});
  }
  return items;
}

std::map<std::string, double> read_seconds(SqliteDatabase& database, std::int64_t trial_id) {
  SqliteStatement row =
      database.prepare("SELECT phase, seconds FROM vlm_seconds WHERE trial_id = ?");
  row.bind(1, trial_id);
  std::map<std::string, double> seconds;
  while (row.step()) seconds[row.text(0)] = row.real(1);
  return seconds;
}

}  // namespace vlm
