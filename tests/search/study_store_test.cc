#include "search/study_store.h"

#include <filesystem>
#include <limits>
#include <string>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/search/study_store_fixture.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST_F(StudyStoreTest, GivesBackWhatWasStored) {
  StudyStore store = create();
  ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  const Trial claimed = store.claim(kWorker).value();
  EXPECT_EQ(claimed.state, TrialState::kRunning);
  EXPECT_THAT(claimed.parameters, ElementsAre(Pair("density", 0.3), Pair("weight", 0.5)));
  EXPECT_EQ(store.tell_complete(claimed.id, kWorker, evaluation(0.625)), TellResult::kRecorded);

  const StudyStore reopened = open();
  EXPECT_EQ(reopened.name(), "ja-vlm");
  EXPECT_THAT(reopened.directions(), ElementsAre(Direction::kMaximize));
  EXPECT_EQ(reopened.identity(), description().identity);
  EXPECT_EQ(reopened.attributes(), description().attributes);
  EXPECT_EQ(reopened.last_generation()->index, 0U);
  EXPECT_EQ(reopened.last_generation()->optimizer_state, (Json{{"sigma", 0.1}}));
  const std::vector<Trial> trials = reopened.trials();
  ASSERT_EQ(trials.size(), 2U);
  EXPECT_EQ(trials[0].state, TrialState::kComplete);
  EXPECT_THAT(trials[0].values, ElementsAre(0.625));
  EXPECT_EQ(trials[0].attributes.at("language_rate"), 0.9);
  EXPECT_EQ(trials[0].generation, 0U);
  EXPECT_EQ(trials[0].candidate, 0U);
  EXPECT_EQ(trials[0].started.size(), std::string("2025-01-31 12:00:00.000000").size());
  EXPECT_LE(trials[0].started, trials[0].completed);
  EXPECT_EQ(trials[1].state, TrialState::kWaiting);
  EXPECT_EQ(trials[1].number, 1);
  EXPECT_EQ(trials[1].started, "");
  const std::vector<ItemOutcome> items = reopened.items(trials[0].id);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].prediction, "答えは42");
  EXPECT_EQ(items[1].prediction, std::string("a\0b\xFF", 4));
  EXPECT_EQ(items[1].score, 0.0);
  EXPECT_THAT(reopened.seconds(trials[0].id),
              ElementsAre(Pair("generate", 2.5), Pair("merge", 0.01)));
}

TEST_F(StudyStoreTest, KeepsTheLastDocumentOfEachName) {
  StudyStore store = create();
  EXPECT_FALSE(store.document("final").has_value());
  store.set_document("final", Json{{"mean", 0.25}});
  store.set_document("final", Json{{"mean", 0.5}});
  store.set_document("extra", Json::array());
  EXPECT_EQ(open().document("final"), (Json{{"mean", 0.5}}));
  EXPECT_THAT(open().document_names(), ElementsAre("extra", "final"));
}

TEST_F(StudyStoreTest, AsksForAGenerationOnce) {
  StudyStore store = create();
  EXPECT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  EXPECT_FALSE(store.ask_generation(generation(0), space(), two_points()));
  EXPECT_TRUE(store.ask_generation(generation(1), space(), two_points()));
  EXPECT_EQ(store.trials().size(), 4U);
  EXPECT_EQ(store.trials()[3].number, 3);
  const std::vector<Trial> second = store.generation_trials(1);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[1].generation, 1U);
  EXPECT_EQ(second[1].candidate, 1U);
  EXPECT_TRUE(store.generation_trials(2).empty());
}

TEST_F(StudyStoreTest, KeepsEveryBitOfADouble) {
  StudyStore store = create();
  const double third = 1.0 / 3.0;
  const std::vector<std::vector<double>> points{{third, 0.1}};
  ASSERT_TRUE(store.ask_generation(generation(0), space(), points));
  const Trial trial = store.claim(kWorker).value();
  EXPECT_EQ(trial.parameters.at("weight"), third);
  store.tell_complete(trial.id, kWorker, {{third}, {}, {}, {}});
  EXPECT_EQ(store.best_trial()->values[0], third);
}

TEST_F(StudyStoreTest, ClaimsInOrderAndEachTrialOnce) {
  StudyStore first = create();
  StudyStore second = open();
  ASSERT_TRUE(first.ask_generation(generation(0), space(), two_points()));
  EXPECT_EQ(first.claim("a")->candidate, 0U);
  EXPECT_EQ(second.claim("b")->candidate, 1U);
  EXPECT_FALSE(first.claim("a").has_value());
}

TEST_F(StudyStoreTest, RecordsAResultOnceAndOnlyFromItsWorker) {
  StudyStore store = create();
  ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  const std::int64_t id = store.claim("a")->id;
  EXPECT_TRUE(store.beat(id, "a"));
  EXPECT_FALSE(store.beat(id, "b"));
  EXPECT_EQ(store.tell_complete(id, "b", evaluation(9.0)), TellResult::kRevoked);
  EXPECT_EQ(store.tell_complete(id, "a", evaluation(1.0)), TellResult::kRecorded);
  EXPECT_EQ(store.tell_complete(id, "a", evaluation(2.0)), TellResult::kRevoked);
  EXPECT_EQ(store.tell_failed(id, "a", "late"), TellResult::kRevoked);
  EXPECT_EQ(store.tell_complete(9999, "a", evaluation(2.0)), TellResult::kRevoked);
  EXPECT_FALSE(store.beat(id, "a"));
  EXPECT_THAT(store.trials()[0].values, ElementsAre(1.0));
}

TEST_F(StudyStoreTest, FailsATrialWithAReason) {
  StudyStore store = create();
  ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  store.tell_failed(store.claim(kWorker)->id, kWorker, "out of memory: \xFF");
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  store.tell_complete(store.claim(kWorker)->id, kWorker, evaluation(kNan));
  const std::vector<Trial> trials = store.trials();
  EXPECT_EQ(trials[0].state, TrialState::kFailed);
  EXPECT_THAT(trials[0].attributes.at("fail_reason").get<std::string>(),
              HasSubstr("out of memory"));
  EXPECT_EQ(trials[1].state, TrialState::kFailed);
  EXPECT_EQ(trials[1].attributes.at("fail_reason"), "objective 0 is nan");
  EXPECT_TRUE(trials[1].values.empty());
  EXPECT_FALSE(store.best_trial().has_value());
}

TEST_F(StudyStoreTest, RefusesAWrongNumberOfValues) {
  StudyStore store = create();
  ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  const std::int64_t id = store.claim(kWorker)->id;
  EXPECT_THAT(refusal([&] {
                store.tell_complete(id, kWorker, {{1.0, 2.0}, {}, {}, {}});
              }).second,
              HasSubstr("wrong number of objective values: study ja-vlm: 2 (has 1)"));
}

TEST_F(StudyStoreTest, BestIsByDirectionAndTheEarliestOfEquals) {
  StudyDescription two = description();
  two.directions = {Direction::kMaximize, Direction::kMinimize};
  StudyStore store = StudyStore::create(file, two);
  const std::vector<std::vector<double>> points(4, {0.5, 0.3});
  ASSERT_TRUE(store.ask_generation(generation(0), space(), points));
  for (const auto& [up, down] : {std::pair{1.0, 5.0}, {3.0, 4.0}, {3.0, 4.0}, {2.0, 7.0}}) {
    store.tell_complete(store.claim(kWorker)->id, kWorker, {{up, down}, {}, {}, {}});
  }
  EXPECT_EQ(store.best_trial(0)->number, 1);
  EXPECT_EQ(store.best_trial(1)->number, 1);
  EXPECT_THAT(store.best_trial(1)->values, ElementsAre(3.0, 4.0));
}

TEST_F(StudyStoreTest, RefusesAnObjectiveThereIsNot) {
  const StudyStore store = create();
  EXPECT_EQ(refusal([&store] { return store.best_trial(1); }).first, ErrorCode::kInvalidArgument);
}

TEST_F(StudyStoreTest, RequeuesTheTrialsOfTheDeadOnly) {
  StudyStore store = create();
  ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  const std::int64_t id = store.claim("dead")->id;
  store.claim("alive");
  const auto is_dead = [](const std::string& worker, double silent_seconds) {
    EXPECT_GE(silent_seconds, -1.0);
    EXPECT_LT(silent_seconds, 60.0);
    return worker == "dead";
  };
  EXPECT_EQ(store.requeue_running(is_dead), 1U);
  EXPECT_EQ(store.trials()[0].state, TrialState::kWaiting);
  EXPECT_EQ(store.trials()[0].started, "");
  EXPECT_EQ(store.trials()[1].state, TrialState::kRunning);
  const Trial again = store.claim("third").value();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(store.tell_complete(id, "dead", evaluation(9.0)), TellResult::kRevoked);
  EXPECT_EQ(store.tell_complete(id, "third", evaluation(1.0)), TellResult::kRecorded);
}

TEST_F(StudyStoreTest, HoldsSeveralStudiesButEachNameOnce) {
  { const StudyStore store = create(); }
  StudyDescription other = description();
  other.name = "ja-math";
  StudyStore second = StudyStore::create(file, other);
  EXPECT_THAT(StudyStore::study_names(file), ElementsAre("ja-vlm", "ja-math"));
  ASSERT_TRUE(second.ask_generation(generation(0), space(), two_points()));
  EXPECT_TRUE(open().trials().empty());
  EXPECT_EQ(second.trials()[0].number, 0);
  const auto [code, message] = refusal([this] { return create(); });
  EXPECT_EQ(code, ErrorCode::kExists);
  EXPECT_THAT(message, HasSubstr("study exists"));
}

TEST_F(StudyStoreTest, AFileWhoseMakerWasKilledHoldsNoStudyAndTakesOne) {
  write_file_atomically(file, "");
  EXPECT_TRUE(StudyStore::study_names(file).empty());
  { const StudyStore store = create(); }
  EXPECT_THAT(StudyStore::study_names(file), ElementsAre("ja-vlm"));
}

}  // namespace
}  // namespace vlm
