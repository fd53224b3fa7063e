#pragma once

// A study in an SQLite file: Optuna's relational schema, so that optuna and optuna-dashboard open
// it, plus tables of our own with the prefix vlm_. Every change is one transaction that is on the
// disk when the call returns, so kill -9 at any moment loses no finished evaluation.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evolve/search_space.h"
#include "search/sqlite_database.h"
#include "search/study_records.h"

namespace vlm {

// What became of a result that was handed in.
enum class TellResult : std::uint8_t {
  kRecorded,
  kRevoked  // the trial is no longer this worker's (requeued or finished); the result is dropped
};

// One study of a store. Several processes may hold the same study at once. Not thread-safe: every
// thread opens its own. All calls throw Error{kIo} if the database cannot be read or written, and
// Error{kCorruptFile} if it holds what nobody can have written.
class StudyStore {
 public:
  // Adds a new study to the file, which is made if it does not exist.
  // Throws Error{kExists} if it has a study of that name, Error{kCorruptFile} if it is no SQLite
  // file, Error{kUnsupported} if it is of another schema version or another program's,
  // Error{kInvalidArgument} for a description without name or directions.
  static StudyStore create(const std::filesystem::path& file, const StudyDescription& description);

  // Opens a study to continue or to read it. Throws Error{kNotFound} for a missing file or study
  // (the message lists the studies there are), otherwise as create().
  static StudyStore open(const std::filesystem::path& file, const std::string& study_name);

  // The names of all studies in a file, in the order in which they were made; none if it has no
  // table yet. Throws as open().
  static std::vector<std::string> study_names(const std::filesystem::path& file);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Unique in the file.
  [[nodiscard]] std::int64_t id() const noexcept { return study_id_; }
  [[nodiscard]] std::vector<Direction> directions() const;
  [[nodiscard]] StudyIdentity identity() const;
  [[nodiscard]] std::map<std::string, Json> attributes() const;
  void set_attribute(const std::string& key, const Json& value);

  // Adds the trials of a generation, WAITING, in candidate order, together with the optimiser's
  // state from which they were drawn. `candidates` is [population][dimensions], in the box.
  // Returns false, and changes nothing, if the generation exists.
  bool ask_generation(const StudyGeneration& generation, const SearchSpace& space,
                      std::span<const std::vector<double>> candidates);

  // Takes the first waiting trial and marks it as running under `worker` and this program's
  // version; nothing if none waits.
  std::optional<Trial> claim(const std::string& worker);

  // Says that the worker is alive. False: the trial was taken away, stop evaluating it.
  bool beat(std::int64_t trial_id, const std::string& worker);

  // Records the result as COMPLETE (FAIL with a reason if a value is not finite). Telling again
  // what is recorded already is kRevoked and harmless.
  // Throws Error{kInvalidArgument} unless there is one value per objective.
  TellResult tell_complete(std::int64_t trial_id, const std::string& worker,
                           const Evaluation& evaluation);

  // Records FAIL with the user attribute `fail_reason`.
  TellResult tell_failed(std::int64_t trial_id, const std::string& worker,
                         const std::string& reason);

  // Sets a user attribute of a trial of this study; replaces an earlier value.
  void set_trial_attribute(std::int64_t trial_id, const std::string& key, const Json& value);

  // Puts running trials back in the queue for which is_dead(worker, seconds since its last sign of
  // life) holds. A trial keeps its id and number, so a resumed study is equal to an uninterrupted
  // one. Returns how many. `worker` is empty for a trial that another program started.
  std::size_t requeue_running(
      const std::function<bool(const std::string& worker, double silent_seconds)>& is_dead);

  // Texts and JSON that belong to the study as a whole, by name: results of the final measurement,
  // the best recipe. Setting replaces.
  void set_document(const std::string& name, const Json& content);
  [[nodiscard]] std::optional<Json> document(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> document_names() const;

  // All trials by number.
  [[nodiscard]] std::vector<Trial> trials() const;
  // The trials of one generation: one per candidate, in candidate order.
  [[nodiscard]] std::vector<Trial> generation_trials(std::size_t generation) const;
  // The newest generation asked for, if there is one.
  [[nodiscard]] std::optional<StudyGeneration> last_generation() const;
  // The completed trial that is best in one objective, the earliest of equals.
  // Throws Error{kInvalidArgument} if the study has no such objective.
  [[nodiscard]] std::optional<Trial> best_trial(std::size_t objective = 0) const;
  // In the order in which they were recorded.
  [[nodiscard]] std::vector<ItemOutcome> items(std::int64_t trial_id) const;
  [[nodiscard]] std::map<std::string, double> seconds(std::int64_t trial_id) const;

 private:
  StudyStore(SqliteDatabase database, std::int64_t study_id, std::string name);

  [[nodiscard]] bool is_running_under(std::int64_t trial_id, const std::string& worker) const;
  void finish(std::int64_t trial_id, const char* state);

  mutable SqliteDatabase database_;
  std::int64_t study_id_ = 0;
  std::string name_;
};

}  // namespace vlm
