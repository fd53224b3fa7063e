// What a store refuses, survives and shares: foreign and damaged files, killed processes, threads.

#include <csignal>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "search/worker_name.h"
#include "tests/search/study_store_fixture.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST_F(StudyStoreTest, RefusesWhatIsNoStudyStore) {
  EXPECT_EQ(refusal([this] { return open(); }).first, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(refusal([this] { StudyStore::create(folder / "none" / "x.db", description()); }).first,
            ErrorCode::kIo);
  EXPECT_EQ(refusal([this] { StudyStore::create(folder, description()); }).first, ErrorCode::kIo);

  const std::string text(5000, 'x');
  write_file_atomically(file, text);
  EXPECT_EQ(refusal([this] { return create(); }).first, ErrorCode::kCorruptFile);
  EXPECT_THAT(refusal([this] { return open(); }).second, HasSubstr("not an SQLite database"));
  EXPECT_EQ(read_text_file(file), text);

  std::filesystem::remove(file);
  SqliteDatabase(file, SqliteDatabase::Missing::kCreate)
      .execute("CREATE TABLE photos (id INTEGER)");
  EXPECT_EQ(refusal([this] { return create(); }).first, ErrorCode::kUnsupported);
  EXPECT_THAT(refusal([this] { return open(); }).second, HasSubstr("not a study store"));
}

TEST_F(StudyStoreTest, RefusesATruncatedFile) {
  {
    StudyStore store = create();
    ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_EQ(refusal([this] { static_cast<void>(open().trials()); }).first, ErrorCode::kCorruptFile);
}

TEST_F(StudyStoreTest, RefusesUnknownVersions) {
  { const StudyStore store = create(); }
  execute("UPDATE version_info SET schema_version = 13");
  EXPECT_EQ(refusal([this] { return open(); }).first, ErrorCode::kUnsupported);
  EXPECT_THAT(refusal([this] { return open(); }).second, HasSubstr("Optuna's schema"));
  execute(
      "UPDATE version_info SET schema_version = 12; UPDATE alembic_version SET version_num = 'v9'");
  EXPECT_THAT(refusal([this] { return open(); }).second, HasSubstr("v9 (we know v3.2.0.a)"));
  execute(
      "UPDATE alembic_version SET version_num = 'v3.2.0.a'; UPDATE vlm_version SET schema_version "
      "= 2");
  EXPECT_THAT(refusal([this] { return open(); }).second,
              HasSubstr("unknown version of the vlm tables"));
  EXPECT_EQ(refusal([this] { return create(); }).first, ErrorCode::kUnsupported);
}

TEST_F(StudyStoreTest, NamesTheStudiesThereAre) {
  { const StudyStore store = create(); }
  const auto [code, message] = refusal([this] { StudyStore::open(file, "ja-vml"); });
  EXPECT_EQ(code, ErrorCode::kNotFound);
  EXPECT_THAT(message, HasSubstr("ja-vml (has: ja-vlm)"));
}

TEST_F(StudyStoreTest, RefusesADescriptionWithoutNameOrObjective) {
  EXPECT_EQ(refusal([this] {
              StudyStore::create(file, {"", {Direction::kMaximize}, {}, {}});
            }).first,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal([this] {
              StudyStore::create(file, {"x", {}, {}, {}});
            }).first,
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(StudyStoreTest, RunsNoTriggerOfAHostileFile) {
  { const StudyStore store = create(); }
  execute("CREATE TRIGGER evil AFTER INSERT ON trials BEGIN DELETE FROM studies; END");
  StudyStore store = open();
  EXPECT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  EXPECT_THAT(StudyStore::study_names(file), ElementsAre("ja-vlm"));
}

// Rows as optuna writes them: other distributions, no worker, infinite values, NaN in attributes.
TEST_F(StudyStoreTest, ReadsTrialsThatOptunaAdded) {
  StudyStore store = create();
  execute(
      "INSERT INTO trials VALUES (7, 0, 1, 'COMPLETE', '2025-01-01 00:00:00.000001', NULL);"
      "INSERT INTO trials VALUES (8, 1, 1, 'RUNNING', '2025-01-01 00:00:00.000001', NULL);"
      "INSERT INTO trial_params VALUES (1, 7, 'method', 2.0, '{\"name\": \"Categorical\"}');"
      "INSERT INTO trial_values VALUES (1, 7, 0, NULL, 'INF_NEG');"
      "INSERT INTO trial_user_attributes VALUES (1, 7, 'note', 'NaN');"
      "INSERT INTO trial_user_attributes VALUES (2, 7, 'gen', '\"first\"')");
  const Trial trial = store.trials()[0];
  EXPECT_EQ(trial.parameters.at("method"), 2.0);
  EXPECT_EQ(trial.values[0], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(trial.attributes.at("note"), "NaN");
  EXPECT_FALSE(trial.generation.has_value());
  EXPECT_FALSE(store.best_trial().has_value());
  std::string worker = "unset";
  EXPECT_EQ(store.requeue_running([&worker](const std::string& name, double silent_seconds) {
    worker = name;
    return silent_seconds > 3600.0;
  }),
            1U);
  EXPECT_EQ(worker, "");
}

TEST_F(StudyStoreTest, ThreadsWithOwnConnectionsShareTheWork) {
  StudyStore store = create();
  const std::vector<std::vector<double>> points(40, {0.5, 0.3});
  ASSERT_TRUE(store.ask_generation(generation(0), space(), points));
  const auto work = [this](const std::string& worker) {
    StudyStore own = open();
    while (const std::optional<Trial> trial = own.claim(worker)) {
      own.tell_complete(trial->id, worker, evaluation(1.0));
    }
  };
  {
    std::jthread first(work, "first");
    std::jthread second(work, "second");
  }
  for (const Trial& trial : store.trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    EXPECT_EQ(store.items(trial.id).size(), 2U);
  }
}

// Claims, tells and asks without end; told trials are announced on the pipe.
[[noreturn]] void write_until_killed(const std::filesystem::path& file, int told_pipe) {
  StudyStore store = StudyStore::open(file, "ja-vlm");
  const std::string worker = own_worker_name();
  store.requeue_running([](const std::string&, double) { return true; });
  const std::optional<StudyGeneration> last = store.last_generation();
  std::size_t next = last ? last->index + 1 : 0;
  while (true) {
    const std::optional<Trial> trial = store.claim(worker);
    if (!trial) {
      store.ask_generation(generation(next++), space(), two_points());
      continue;
    }
    store.tell_complete(trial->id, worker, evaluation(static_cast<double>(trial->id)));
    if (write(told_pipe, &trial->id, sizeof(trial->id)) < 0) _exit(1);
  }
}

TEST_F(StudyStoreTest, LosesNoToldTrialWhenKilled) {
  { const StudyStore store = create(); }
  std::vector<std::int64_t> told;
  for (unsigned round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) write_until_killed(file, ends[1]);
    close(ends[1]);
    std::int64_t id = 0;
    ASSERT_EQ(read(ends[0], &id, sizeof(id)), static_cast<ssize_t>(sizeof(id)));
    told.push_back(id);
    usleep(7919 * round);  // any moment will do; different ones are better
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(ends[0], &id, sizeof(id)) == static_cast<ssize_t>(sizeof(id))) told.push_back(id);
    close(ends[0]);
    ASSERT_EQ(integrity(), "ok");
  }
  ASSERT_FALSE(told.empty());
  const StudyStore store = open();
  std::map<std::int64_t, Trial> by_id;
  std::size_t running = 0;
  for (const Trial& trial : store.trials()) {
    by_id[trial.id] = trial;
    EXPECT_EQ(trial.parameters.size(), 2U);
    EXPECT_TRUE(trial.generation.has_value() && trial.candidate.has_value());
    EXPECT_EQ(store.items(trial.id).size(), trial.state == TrialState::kComplete ? 2U : 0U);
    running += trial.state == TrialState::kRunning ? 1U : 0U;
  }
  EXPECT_LE(running, 1U);
  EXPECT_EQ(by_id.size(), (store.last_generation()->index + 1) * 2);
  for (const std::int64_t id : told) EXPECT_EQ(by_id[id].state, TrialState::kComplete) << id;
}

TEST_F(StudyStoreTest, HoldsThousandsOfTrials) {
  StudyStore store = create();
  const std::vector<std::vector<double>> points(3000, {0.5, 0.3});
  ASSERT_TRUE(store.ask_generation(generation(0), space(), points));
  for (int i = 0; i < 50; ++i) {
    store.tell_complete(store.claim(kWorker)->id, kWorker, evaluation(i));
  }
  EXPECT_EQ(store.trials().size(), 3000U);
  EXPECT_EQ(store.generation_trials(0).size(), 3000U);
  EXPECT_EQ(store.best_trial()->number, 49);
}

}  // namespace
}  // namespace vlm
