// Merges of adapters that are stopped, and those that go on with their work.

#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "merge/adapter_merge.h"
#include "tests/checkpoint/writer_fixture.h"
#include "tests/merge/file_models.h"
#include "tests/merge/large_adapters.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// Matrices that are cut, by cuts over the whole adapter.
const std::string kRecipe =
    "merge_method: ties\nmodels:\n"
    "- {model: checkpoint/lora/attention, parameters: {weight: 1, density: 0.5}}\n"
    "- {model: checkpoint/lora/patterns, parameters: {weight: 0.5, density: 0.25}}\n"
    "parameters: {scope: model}\nadapter_rank: 3\n";

class ResumedAdapterMerge : public testing::Test {
 protected:
  // Is stopped after `tensors` of them; 0: never. Returns the message of the error.
  std::string merge(Resumption resumption, std::size_t tensors = 0,
                    const std::string& recipe = kRecipe) {
    ModelPool models = large_ ? large_->models() : file_models();
    ThreadPool pool(1);
    std::size_t done = 0;
    AdapterMergeOptions options;
    options.resumption = resumption;
    options.on_progress = [&](const ProgressEvent& progress) { done = progress.done; };
    options.stop_requested = [&] { return tensors > 0 && done == tensors; };
    const AdapterPlan plan = plan_adapter_merge(parse_recipe(recipe, "r.yaml"), models);
    return message_of([&] { report_ = merge_adapters(plan, target_, options, pool); });
  }
  [[nodiscard]] std::size_t lines_of_tensor(const std::string& tensor) const {
    std::istringstream lines(read_text_file(work() / ".journal"));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("0 " + tensor + " ")) ++count;
    }
    return count;
  }
  [[nodiscard]] fs::path work() const { return folder_.path() / ".merged.tmp"; }

  TemporaryDirectory folder_;
  std::optional<LargeAdapters> large_;  // instead of those of the tests' data
  fs::path target_ = folder_.path() / "merged";
  AdapterReport report_;
};

TEST_F(ResumedAdapterMerge, WritesTheSameBytesAndReportAndNothingTwice) {
  EXPECT_EQ(merge(Resumption::kNever), "");
  const auto whole = contents(target_);
  const AdapterReport expected = report_;
  fs::remove_all(target_);
  EXPECT_THAT(merge(Resumption::kOffered, 2),
              HasSubstr("2 of 12 tensors (continue with --resume)"));
  EXPECT_FALSE(fs::exists(target_));
  EXPECT_THAT(merge(Resumption::kTaken, 4), HasSubstr("4 of 12 tensors"));
  EXPECT_EQ(lines_of_tensor("0"), 1U) << "A of the first product";
  EXPECT_EQ(lines_of_tensor("7"), 1U) << "B of the fourth";
  EXPECT_EQ(lines_of_tensor("8"), 0U);
  EXPECT_EQ(merge(Resumption::kTaken), "");
  EXPECT_TRUE(contents(target_) == whole);
  ASSERT_EQ(report_.kinds.size(), expected.kinds.size());
  for (std::size_t i = 0; i < expected.kinds.size(); ++i) {
    EXPECT_EQ(report_.kinds[i].relative_error, expected.kinds[i].relative_error) << i;
    EXPECT_EQ(report_.kinds[i].largest_error, expected.kinds[i].largest_error) << i;
  }
}

TEST_F(ResumedAdapterMerge, DoesNotTrustWhatIsNotWhatWasWritten) {
  EXPECT_EQ(merge(Resumption::kNever), "");
  const auto whole = contents(target_);
  fs::remove_all(target_);
  EXPECT_NE(merge(Resumption::kOffered, 11), "");
  {
    std::fstream file(work() / "adapter_model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-2000, std::ios::end);
    file << "damage";
  }
  EXPECT_EQ(merge(Resumption::kTaken), "");
  EXPECT_TRUE(contents(target_) == whole);
}

// Two parts for each tensor: the work is damaged in each way that a disk may think of.
TEST_F(ResumedAdapterMerge, DoesNotTrustPartsOfLargeTensors) {
  large_.emplace();
  EXPECT_EQ(merge(Resumption::kNever, 0, LargeAdapters::kRecipe), "");
  const auto whole = contents(target_);
  fs::remove_all(target_);
  const auto damage_second_part = [&] {
    std::fstream file(work() / "adapter_model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((std::size_t{1} << 18U) * sizeof(float) + 9000);
    file << "damage";
  };
  const auto change_journal = [&](const std::string& from, const std::string& to) {
    std::string text = read_text_file(work() / ".journal");
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << text;
    write_file_atomically(work() / ".journal", text.replace(place, from.size(), to));
  };
  const std::vector<std::function<void()>> damages{
      [] {}, damage_second_part, [&] { change_journal("0 0 262144 87856 ", "0 0 262145 87855 "); },
      [&] { change_journal("0 0 262144 87856 ", "0 0 262144 99999999999999 "); },
      [&] { change_journal("0 0 0 262144 ", "0 0 0 350000 "); }};
  for (const auto& damage : damages) {
    EXPECT_THAT(merge(Resumption::kOffered, 1, LargeAdapters::kRecipe), HasSubstr("1 of 2"));
    EXPECT_EQ(lines_of_tensor("0"), 2U);
    damage();
    EXPECT_EQ(merge(Resumption::kTaken, 0, LargeAdapters::kRecipe), "");
    EXPECT_TRUE(contents(target_) == whole);
    fs::remove_all(target_);
  }
}

TEST_F(ResumedAdapterMerge, TakesOnlyWorkOfTheSameRecipeAndKeepsNothingUnasked) {
  EXPECT_NE(merge(Resumption::kOffered, 2), "");
  EXPECT_THAT(merge(Resumption::kTaken, 0, kRecipe + "dtype: bfloat16\n"),
              testing::AllOf(HasSubstr("cannot resume"), HasSubstr("'recipe'")));
  EXPECT_THAT(merge(Resumption::kNever, 2), HasSubstr("nothing is kept"));
  EXPECT_FALSE(fs::exists(work()));
}

}  // namespace
}  // namespace vlm
