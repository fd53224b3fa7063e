// The program's command `kinship` on the bundled models.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "core/files.h"
#include "core/json_fields.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class KinshipCommand : public ProgramTest {};

TEST_F(KinshipCommand, PrintsPairsKindsAndLayersAndDrawsThem) {
  const ProgramResult result = run({"kinship", model("en-vlm"), model("ja-lm"), "--base",
                                    model("base-lm"), "--plot", "map.svg"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.out, HasSubstr("|a|/|b|"));
  EXPECT_THAT(result.out, HasSubstr("attention"));
  const std::string svg = read_text_file(folder() / "map.svg");
  EXPECT_TRUE(svg.starts_with("<svg xmlns='http://www.w3.org/2000/svg'"));
  EXPECT_THAT(svg, HasSubstr("en-vlm × ja-lm"));
}

TEST_F(KinshipCommand, JsonHasAPairForEachTwoModelsAndNullForTheUndefined) {
  const ProgramResult result = run({"kinship", model("en-vlm"), model("ja-lm"), model("base-lm"),
                                    "--base", model("base-lm"), "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const Json report = parse_json(result.out, "stdout");
  ASSERT_EQ(report.at("pairs").size(), 3U);
  const Json& pair = report["pairs"][0];
  EXPECT_EQ(pair.at("a"), model("en-vlm"));
  EXPECT_EQ(pair.at("per_layer").size(), 6U);
  EXPECT_NEAR(
      pair["global"].at("norm_ratio"),
      report["models"][0].at("norm").get<double>() / report["models"][1].at("norm").get<double>(),
      1e-12);
  const Json& with_base = report["pairs"][1];
  EXPECT_TRUE(with_base["global"].at("pcc").is_null());
  EXPECT_TRUE(with_base["global"].at("norm_ratio").is_null());
  EXPECT_EQ(with_base["global"].at("euclid"), report["models"][0].at("norm"));
}

TEST_F(KinshipCommand, ALinearRecipeIsPredictedAndABadOneIsAnError) {
  const std::string models = "models:\n- model: " + model("base-lm") +
                             "\n- {model: " + model("ja-lm") + ", parameters: {weight: 0.5}}\n";
  write("child.yaml",
        models + "base_model: " + model("base-lm") + "\nmerge_method: task_arithmetic\n");
  const ProgramResult result = run(
      {"kinship", "child.yaml", model("ja-lm"), "--base", model("base-lm"), "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const Json report = parse_json(result.out, "stdout");
  EXPECT_EQ(report.at("models")[0].at("predicted"), true);
  EXPECT_DOUBLE_EQ(report.at("pairs")[0].at("global").at("norm_ratio"), 0.5);
  EXPECT_DOUBLE_EQ(report.at("pairs")[0].at("global").at("cosine"), 1);
  const ProgramResult missing = run({"kinship", "nowhere", "--base", model("base-lm")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, testing::StartsWith("vlm-merge: error: "));
  const ProgramResult plot =
      run({"kinship", model("ja-lm"), "--base", model("base-lm"), "--plot", "no/such/k.svg"});
  EXPECT_EQ(plot.exit_code, 1);
  EXPECT_EQ(plot.errors, "vlm-merge: error: cannot write file: no/such/k.svg: no such directory\n");
  EXPECT_EQ(run({"kinship", model("ja-lm")}).exit_code, 2) << "without --base";
}

// The main thread's state in /proc/PID/stat: S while a call waits.
bool is_waiting(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.substr(name_end + 2, 1) == "S";
}

TEST_F(KinshipCommand, OneInterruptEndsTheWaitForAReaderOfAPipe) {
  ASSERT_EQ(::mkfifo((folder() / "pipe").c_str(), 0600), 0);
  const char* const place = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string before = place == nullptr ? "/tmp" : place;
  ::setenv("TMPDIR", folder().c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  const pid_t process = start({"kinship", model("ja-lm"), "--base", model("base-lm"), "--plot",
                               "pipe", "--threads", "1", "--quiet"});
  ::setenv("TMPDIR", before.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  const auto has_drawn = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      const auto content = entry.path() / "content";
      if (std::filesystem::exists(content) && read_text_file(content).ends_with("</svg>\n")) {
        return is_waiting(process);
      }
    }
    return false;
  };
  ASSERT_TRUE(wait_until(process, has_drawn));
  ::kill(process, SIGINT);
  const ProgramResult result = finish(process);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("pipe: Interrupted system call"));
}

}  // namespace
}  // namespace vlm
