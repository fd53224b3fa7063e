// One input file with every way of asking: together, in any order and alone the answers are the
// same.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

const std::vector<std::string> kWays{
    R"("max_tokens": 9)",
    R"("max_tokens": 9, "beams": 3)",
    R"("max_tokens": 12, "beams": 5, "repetition_penalty": 1.5, "length_penalty": 0.5)",
    R"("max_tokens": 7, "beams": 4, "early_stopping": true, "no_repeat_ngram": 2)",
    R"("max_tokens": 9, "temperature": 0.9, "top_k": 20)",
    R"("max_tokens": 9, "temperature": 1.3, "top_p": 0.9, "seed": 4)",
    R"("max_tokens": 11, "temperature": 1.1, "min_p": 0.05)",
    R"("max_tokens": 14, "repetition_penalty": 1.3, "min_tokens": 10)",
    R"("max_tokens": 20, "stop": ["。", "\n"])",
    R"("max_tokens": 20, "eos": [5, 13, 2])",
};

// Pictures, none, two; short and long texts; ids.
std::vector<std::string> questions() {
  const std::string images =
      (std::filesystem::path(VLM_PROJECT_DIR) / "datasets/ja-emoji-vqa/test/images").string();
  const std::string first = "\"" + images + "/t0000.png\"";
  const std::string second = "\"" + images + "/t0001.png\"";
  std::string repeated;
  for (int i = 0; i < 90; ++i) repeated += "A dog ";
  return {R"("prompt": "<image>\n何が写っていますか？", "image": )" + first,
          R"("prompt": "3 + 4 =")",
          R"("prompt": "<image> と <image>", "image": [)" + first + ", " + second + "]",
          R"("prompt": ")" + repeated + "\"", R"("ids": [1, 330, 331, 987, 412])"};
}

std::vector<std::string> mixed_lines() {
  const std::vector<std::string> asked = questions();
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < 2 * kWays.size(); ++i) {
    lines.push_back("{\"id\": \"" + std::to_string(i) + "\", " +
                    asked[(i + i / 10) % asked.size()] + ", " + kWays[i % kWays.size()] + "}\n");
  }
  return lines;
}

class GenerateMixed : public ProgramTest {
 protected:
  std::vector<Json> answers(const std::vector<std::string>& lines, const std::string& threads) {
    std::string text;
    for (const std::string& line : lines) text += line;
    write("in.jsonl", text);
    return json_lines(
        {"generate", "--model", model("evo-vlm"), "--input", "in.jsonl", "--threads", threads});
  }
};

TEST_F(GenerateMixed, RequestsGiveTheSameTogetherInAnyOrderAndAlone) {
  std::vector<std::string> lines = mixed_lines();
  const std::vector<Json> together = answers(lines, "2");
  ASSERT_EQ(together.size(), lines.size());
  EXPECT_EQ(answers(lines, "3"), together);
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    EXPECT_EQ(answers({lines[i]}, "1").at(0), together[i]) << lines[i];
  }
  std::ranges::reverse(lines);
  std::vector<Json> reversed = answers(lines, "1");
  std::ranges::reverse(reversed);
  EXPECT_EQ(reversed, together);
}

}  // namespace
}  // namespace vlm
