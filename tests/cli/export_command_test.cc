// The program's command `export`.

#include <gmock/gmock.h>

#include "core/files.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class ExportCommand : public ProgramTest {};

TEST_F(ExportCommand, WritesTheLanguageModelOfAVlm) {
  const ProgramResult result =
      run({"export", model("en-vlm"), "--gguf", "x.gguf", "--dtype", "q8_0", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.out, HasSubstr("left out    vision tower and projector: --mmproj FILE"));
  EXPECT_TRUE(read_text_file(folder() / "x.gguf").starts_with("GGUF"));
}

TEST_F(ExportCommand, WritesVisionTowerAndProjectorWithOrWithoutTheLanguageModel) {
  const std::string vlm = model("en-vlm");
  const ProgramResult both =
      run({"export", vlm, "--gguf", "x.gguf", "--mmproj", "mmproj.gguf", "--quiet"});
  ASSERT_EQ(both.exit_code, 0) << both.errors;
  EXPECT_EQ(both.out, "written     x.gguf\nwritten     mmproj.gguf\n");
  const ProgramResult alone = run({"export", vlm, "--mmproj", "alone.gguf", "--quiet"});
  ASSERT_EQ(alone.exit_code, 0) << alone.errors;
  EXPECT_EQ(read_text_file(folder() / "alone.gguf"), read_text_file(folder() / "mmproj.gguf"));
  EXPECT_EQ(run({"export", vlm}).exit_code, 2);
  const ProgramResult text = run({"export", model("ja-lm"), "--mmproj", "no.gguf", "--quiet"});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.errors, HasSubstr("a language model has none"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "no.gguf"));
}

TEST_F(ExportCommand, RefusesOneFileForBothParts) {
  const ProgramResult result =
      run({"export", model("en-vlm"), "--gguf", "x.gguf", "--mmproj", "./x.gguf", "--quiet"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("--gguf and --mmproj name the same file: x.gguf"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "x.gguf"));
}

TEST_F(ExportCommand, FailsWithoutLeavingAFile) {
  const ProgramResult missing = run({"export", "nowhere", "--gguf", "x.gguf"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, testing::StartsWith("vlm-merge: error: "));
  EXPECT_FALSE(std::filesystem::exists(folder() / "x.gguf"));
  EXPECT_EQ(run({"export", model("ja-lm"), "--gguf", "no/such/x.gguf", "--quiet"}).exit_code, 1);
  EXPECT_EQ(run({"export", model("ja-lm"), "--gguf", "x.gguf", "--dtype", "q4"}).exit_code, 2);
}

}  // namespace
}  // namespace vlm
