// A search through the program: table, model, report.

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/json_fields.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class ProgramSearch : public ProgramTest {
 protected:
  // Two test problems, so that the final measurement is short.
  void SetUp() override {
    const std::string all = read_text_file(project() / "datasets/ja-math/test/data.jsonl");
    const std::size_t second_line = all.find('\n') + 1;
    write("items.jsonl", all.substr(0, all.find('\n', second_line) + 1));
    write("search.yaml",
          "study: small\nrecipe:\n  base_model: " + model("base-lm") +
              "\n  merge_method: task_arithmetic\n  models:\n    - {model: " + model("math-lm") +
              ", parameters: {weight: {gene: math}}}\n    - {model: " + model("ja-lm") +
              ", parameters: {weight: {gene: ja}}}\n"
              "optimizer: {population: 4, trials: 2, seed: 7}\n"
              "objectives: [{benchmark: ja-math/search, metric: rougeL_ja, limit: 2}]\n"
              "test: [{benchmark: ja-math/test=items.jsonl, metric: rougeL_ja}]\n"
              "compare: [{name: Japanese LLM, role: parent, model: " +
              model("ja-lm") + "}]\n");
  }
};

TEST_F(ProgramSearch, EndsWithTableModelAndReport) {
  const ProgramResult search = run({"search", "search.yaml", "--out", "best", "--quiet"});
  ASSERT_EQ(search.exit_code, 0) << search.errors;
  EXPECT_EQ(search.errors, "");
  EXPECT_THAT(search.out, HasSubstr("2 trials, 0 failed"));
  EXPECT_THAT(search.out, HasSubstr("[1] rougeL_ja"));
  EXPECT_THAT(search.out, HasSubstr("Japanese LLM  parent"));
  EXPECT_THAT(search.out, HasSubstr("[1] ja-math/test; ja: share of answers in Japanese"));
  EXPECT_THAT(search.out, HasSubstr("model written to best"));
  std::istringstream lines(search.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120U) << line;

  const Json summary = read_json_file(folder() / "best/study.json");
  EXPECT_EQ(summary.at("trials"), 2);
  EXPECT_EQ(summary.at("parameters").size(), 2U);
  EXPECT_EQ(summary.at("test").at("rows").size(), 2U);
  EXPECT_EQ(run({"inspect", "best"}).exit_code, 0);

  const ProgramResult report = run({"report", "small.db"});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  const std::string page = read_text_file(folder() / "small.html");
  EXPECT_THAT(page, HasSubstr("Japanese LLM"));
  EXPECT_THAT(page, HasSubstr("population 4"));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

}  // namespace
}  // namespace vlm
