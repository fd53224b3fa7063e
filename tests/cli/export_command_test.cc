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
  EXPECT_THAT(result.out, HasSubstr("left out    vision tower"));
  EXPECT_TRUE(read_text_file(folder() / "x.gguf").starts_with("GGUF"));
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
