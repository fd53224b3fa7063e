// The program away from where it was built: decoders of pictures are a module of their own.

#include <gmock/gmock.h>

#include "tests/cli/program.h"

namespace vlm {
namespace {

class InstalledProgramTest : public ProgramTest {
 protected:
  InstalledProgramTest() {
    std::filesystem::create_directories(program().parent_path());
    std::filesystem::copy_file(VLM_BINARY, program());
  }

  [[nodiscard]] ProgramResult caption_a_picture() const {
    const auto picture = project() / "datasets/en-emoji-vqa/test/images/e0001.png";
    return finish(start({"caption", picture, "--model", model("en-vlm"), "--lang", "en", "--prompt",
                         "What can you see?"},
                        {}, program()));
  }

  [[nodiscard]] std::filesystem::path program() const { return folder() / "prefix/bin/vlm-merge"; }
};

TEST_F(InstalledProgramTest, FindsDecodersInTheLibraryFolder) {
  const auto library = folder() / "prefix/lib/vlm-merge";
  std::filesystem::create_directories(library);
  std::filesystem::copy(std::filesystem::path(VLM_BINARY).parent_path() / "vlm_image_codecs.so",
                        library);
  const ProgramResult result = caption_a_picture();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.out, "A birthday cake.\n");
}

TEST_F(InstalledProgramTest, SaysWhereDecodersWereLookedFor) {
  const ProgramResult result = caption_a_picture();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, testing::HasSubstr("the module that decodes pictures is missing: "));
  EXPECT_THAT(result.errors, testing::HasSubstr("prefix/bin/vlm_image_codecs.so, or "));
  EXPECT_THAT(result.errors, testing::HasSubstr("prefix/lib/vlm-merge/vlm_image_codecs.so"));
}

TEST_F(InstalledProgramTest, ReadsTextWithoutThem) {
  const std::string texts = write("texts.jsonl", "{\"text\": \"a cake\"}\n").string();
  const ProgramResult result =
      finish(start({"tokenize", "--model", model("base-lm"), "--input", texts}, {}, program()));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
}

}  // namespace
}  // namespace vlm
