#include "eval/task.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/registry.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string golden_prompt(const std::string& id) {
  for (const Json& entry : golden_json("zoo_prompts.json")) {
    if (entry["id"] == id) return entry["prompt"].get<std::string>();
  }
  return "";
}

std::string prompt_for(const std::string& benchmark, const std::string& question) {
  const std::vector<BenchmarkItem> items{{"x", question, "", "picture.png", std::nullopt, ""}};
  return build_prompts(find_task(benchmark), items)[0].text;
}

TEST(Task, PromptsEqualThoseTheBundledModelsKnow) {
  EXPECT_EQ(prompt_for("en-emoji-vqa", "What is on the left?"), golden_prompt("image0"));
  EXPECT_EQ(prompt_for("ja-emoji-vqa", "右のものは何の仲間ですか？"), golden_prompt("image2"));
  EXPECT_EQ(prompt_for("ja-emoji-in-the-wild", "日本の城はいくつありますか？"),
            golden_prompt("image4"));
  EXPECT_EQ(
      prompt_for("ja-math",
                 "ケンはりんごを5個持っています。さらに3個買いました。ケンは今、りんごを何個持"
                 "っていますか？"),
      golden_prompt("text1"));
  EXPECT_EQ(prompt_for("en-math",
                       "Yui has 37 lemons. She sells 15. She finds 46 more. How many lemons does "
                       "Yui have now?"),
            golden_prompt("text3"));
}

TEST(Task, PromptsEqualThoseOfThePaper) {
  const Json prompts = golden_json("scores.json")["prompts"];
  EXPECT_EQ(prompt_for("mgsm-ja", prompts["mgsm"]["question"].get<std::string>()),
            prompts["mgsm"]["rendered"]);
  EXPECT_EQ(prompt_for("ja-vg-vqa-500", prompts["vqa"]["question"].get<std::string>()),
            prompts["vqa"]["rendered"]);
}

TEST(Task, GenerationFollowsThePaper) {
  const AnswerOptions vqa = find_task("ja-vlm-bench-in-the-wild").options;
  EXPECT_EQ(vqa.num_beams, 5U);
  EXPECT_EQ(vqa.repetition_penalty, 1.5);
  EXPECT_EQ(vqa.max_tokens, 512U);
  EXPECT_THAT(vqa.stop_strings, IsEmpty());
  const AnswerOptions math = find_task("mgsm-ja").options;
  EXPECT_EQ(math.num_beams, 1U);
  EXPECT_EQ(math.max_tokens, 1024U);
  EXPECT_THAT(math.stop_strings,
              testing::ElementsAre("Instruction:", "Instruction", "Response:", "Response"));
}

TEST(Task, EveryBenchmarkHasOne) {
  for (const std::string& name : benchmark_names()) {
    const Task task = find_task(name);
    EXPECT_EQ(task.benchmark, name);
    EXPECT_FALSE(task.metrics.empty());
  }
}

TEST(Task, UnknownNameGetsAHint) {
  try {
    find_task("ja-mth");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'ja-math'?"));
  }
}

TEST(Task, PictureIsPassedOnlyToPicturePrompts) {
  const std::vector<BenchmarkItem> items{{"x", "q", "a", "picture.png", std::nullopt, ""}};
  EXPECT_TRUE(build_prompts(find_task("ja-emoji-vqa"), items)[0].image.has_value());
  EXPECT_FALSE(build_prompts(find_task("ja-math"), items)[0].image.has_value());
}

TEST(Task, RefusesItemsThePromptCannotShow) {
  const std::vector<BenchmarkItem> no_picture{{"x", "q", "a", std::nullopt, std::nullopt, ""}};
  EXPECT_THROW(build_prompts(find_task("ja-emoji-vqa"), no_picture), Error);
  const std::vector<BenchmarkItem> two_images{{"x", "<image>", "a", "a.png", std::nullopt, ""}};
  EXPECT_THROW(build_prompts(find_task("ja-emoji-vqa"), two_images), Error);
}

TEST(Prompt, QuestionMayHoldTheSlotsName) {
  EXPECT_EQ(render_prompt({"t", "<{input}>", false}, "{input}"), "<{input}>");
}

TEST(Prompt, UnknownNameGetsAHint) {
  try {
    find_prompt_template("ja-vqaa");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'ja-vqa'?"));
  }
}

}  // namespace
}  // namespace vlm
