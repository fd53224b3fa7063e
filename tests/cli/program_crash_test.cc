// kill -9 in the middle of work: nothing half-written under a final name, and going on works.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/error.h"
#include "search/study_store.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class ProgramCrash : public ProgramTest {
 protected:
  // A search of two genes that ends with a model and a table.
  void write_search() const {
    write("search.yaml", "study: s\nrecipe:\n  base_model: " + model("base-lm") +
                             "\n  merge_method: task_arithmetic\n  models:\n"
                             "    - {model: " +
                             model("math-lm") +
                             ", parameters: {weight: {gene: math}}}\n"
                             "    - {model: " +
                             model("ja-lm") +
                             ", parameters: {weight: {gene: ja}}}\n"
                             "  dtype: float32\n  out_dtype: bfloat16\n"
                             "optimizer: {population: 4, trials: 7, seed: 3}\n"
                             "objectives:\n"
                             "  - {benchmark: ja-math/search, metric: rougeL_ja, limit: 6}\n");
  }

  [[nodiscard]] std::vector<Trial> trials(const std::string& study_file) const {
    return StudyStore::open(folder() / study_file, "s").trials();
  }

  // Trials recorded so far; 0 while there is no study yet.
  [[nodiscard]] std::size_t complete(const std::string& study_file) const {
    if (!std::filesystem::exists(folder() / study_file)) return 0;
    try {
      std::size_t count = 0;
      for (const Trial& trial : trials(study_file)) {
        count += trial.state == TrialState::kComplete ? 1 : 0;
      }
      return count;
    } catch (const Error&) {
      return 0;
    }
  }
};

TEST_F(ProgramCrash, KilledSearchIsResumedToTheSameStudy) {
  write_search();
  const ProgramResult whole =
      run({"search", "search.yaml", "--study", "whole.db", "--out", "whole", "--quiet"});
  ASSERT_EQ(whole.exit_code, 0) << whole.errors;
  EXPECT_EQ(whole.errors, "");
  EXPECT_THAT(whole.out, HasSubstr("7 trials, 0 failed"));

  const std::vector<std::string> parts{"search", "search.yaml", "--study", "parts.db",
                                       "--out",  "parts",       "--quiet", "--resume"};
  ASSERT_TRUE(kill_when(parts, [&] { return complete("parts.db") >= 1; }));
  EXPECT_FALSE(std::filesystem::exists(folder() / "parts"));
  ASSERT_TRUE(kill_when(parts, [&] { return complete("parts.db") >= 3; }));
  EXPECT_FALSE(std::filesystem::exists(folder() / "parts"));
  const ProgramResult resumed = run(parts);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;

  const std::vector<Trial> expected = trials("whole.db");
  const std::vector<Trial> found = trials("parts.db");
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].parameters, expected[i].parameters) << i;
    EXPECT_EQ(found[i].values, expected[i].values) << i;
    EXPECT_EQ(found[i].state, expected[i].state) << i;
  }
  for (const char* file : {"recipe.yaml", "model.safetensors"}) {
    EXPECT_EQ(read_text_file(folder() / "parts" / file), read_text_file(folder() / "whole" / file));
  }
}

TEST_F(ProgramCrash, SearchStopsCleanlyOnInterruptAndSaysHowToGoOn) {
  write_search();
  const pid_t process = start({"search", "search.yaml", "--quiet"});
  ASSERT_TRUE(wait_until(process, [&] { return complete("s.db") >= 1; }));
  ::kill(process, SIGINT);
  const ProgramResult result = finish(process);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("vlm-merge: error: search interrupted: s.db"));
  EXPECT_THAT(result.errors, HasSubstr("continue with --resume"));
  EXPECT_THAT(run({"search", "search.yaml", "--quiet"}).errors, HasSubstr("study exists already"));
  EXPECT_EQ(run({"search", "search.yaml", "--quiet", "--resume"}).exit_code, 0);
}

TEST_F(ProgramCrash, KilledMergeLeavesNothingUnderTheFinalName) {
  write("recipe.yaml", "vlm: " + model("en-vlm") +
                           "\nmerge_method: linear\nmodels:\n  - {model: " + model("en-vlm") +
                           ", parameters: {weight: 0.5}}\n  - {model: " + model("ja-lm") +
                           ", parameters: {weight: 0.5}}\ndtype: float32\n");
  const std::vector<std::string> merge{"merge", "recipe.yaml", "out", "--threads", "1", "--quiet"};
  const auto has_begun = [&] { return std::filesystem::exists(folder() / ".out.tmp"); };
  bool killed = false;
  for (int attempt = 0; attempt < 20 && !killed; ++attempt) {  // a quick merge may end before
    std::filesystem::remove_all(folder() / "out");
    killed = kill_when(merge, has_begun);
  }
  ASSERT_TRUE(killed);
  EXPECT_FALSE(std::filesystem::exists(folder() / "out"));
  EXPECT_TRUE(has_begun());
  const ProgramResult again = run(merge);
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_TRUE(std::filesystem::exists(folder() / "out/model.safetensors"));
  EXPECT_FALSE(has_begun());
}

// Ends when a merge is killed at a random moment, some tensors written, others not.
TEST_F(ProgramCrash, KilledMergeIsResumedToTheSameBytesForAnyNumberOfThreads) {
  write("recipe.yaml",
        "vlm: " + model("en-vlm") + "\nmerge_method: dare_ties\nbase_model: " + model("base-lm") +
            "\nmodels:\n  - {model: " + model("en-vlm") +
            ", parameters: {weight: 0.5, density: 0.4}}\n  - {model: " + model("ja-lm") +
            ", parameters: {weight: 0.5, density: 0.6}}\n");
  const auto merge = [](const std::string& target, const std::string& threads) {
    return std::vector<std::string>{"merge", "recipe.yaml", target,   "--max-shard-size",
                                    "2MB",   "--seed",      "5",      "--threads",
                                    threads, "--resume",    "--quiet"};
  };
  ASSERT_EQ(run(merge("whole", "1")).exit_code, 0);
  std::size_t killed = 0;
  for (std::size_t shard = 1; shard <= 6; ++shard) {
    const std::string target = "parts" + std::to_string(shard);
    const std::string file = "." + target + ".tmp/model-0000" + std::to_string(shard) + "-of-";
    const auto has_come_so_far = [&] {
      const std::string name = file.substr(file.find('/') + 1);
      std::error_code error;
      for (const auto& entry :
           std::filesystem::directory_iterator(folder() / ("." + target + ".tmp"), error)) {
        if (entry.path().filename().string().starts_with(name)) return true;
      }
      return false;
    };
    if (kill_when(merge(target, shard % 2 == 0 ? "1" : "2"), has_come_so_far)) {
      ++killed;
      EXPECT_FALSE(std::filesystem::exists(folder() / target));
    }
    const ProgramResult resumed = run(merge(target, shard % 3 == 0 ? "1" : "3"));
    if (std::filesystem::exists(folder() / target) && resumed.exit_code != 0) continue;  // ended
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "whole")) {
      const auto name = entry.path().filename();
      EXPECT_EQ(read_text_file(folder() / target / name), read_text_file(entry.path())) << name;
    }
  }
  EXPECT_GE(killed, 1U) << "every merge ended before it could be killed";
}

TEST_F(ProgramCrash, WorkOfAnotherRecipeOrOtherModelsIsNotTakenOver) {
  const auto recipe = [&](const std::string& weight) {
    write("recipe.yaml", "merge_method: linear\nmodels:\n  - {model: " + model("base-lm") +
                             ", parameters: {weight: 1}}\n  - {model: " + model("ja-lm") +
                             ", parameters: {weight: " + weight + "}}\n");
  };
  const std::vector<std::string> merge{"merge",  "recipe.yaml", "out", "--max-shard-size",
                                       "100KB",  "--threads",   "1",   "--resume",
                                       "--quiet"};
  recipe("1");
  bool killed = false;
  for (int attempt = 0; attempt < 20 && !killed; ++attempt) {
    std::filesystem::remove_all(folder() / "out");
    killed = kill_when(merge,
                       [&] { return std::filesystem::exists(folder() / ".out.tmp/config.json"); });
  }
  ASSERT_TRUE(killed);
  recipe("2");
  const ProgramResult refused = run(merge);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, testing::AllOf(HasSubstr("not as it was when the writing began"),
                                             HasSubstr("'recipe'")));
  EXPECT_FALSE(std::filesystem::exists(folder() / "out"));
  recipe("1");
  const ProgramResult resumed = run(merge);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.errors;
}

}  // namespace
}  // namespace vlm
