#include "checkpoint/side_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

TEST(SideFiles, AreWhatIsNeitherWeightsNorConfig) {
  for (const char* name :
       {"tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "generation_config.json",
        "preprocessor_config.json", "processor_config.json", "chat_template.jinja", "LICENSE"}) {
    EXPECT_TRUE(is_side_file(name)) << name;
  }
  for (const char* name : {"config.json", "model.safetensors", "model-00001-of-00002.safetensors",
                           "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json", "consolidated.00.pth", "model.gguf",
                           "README.md", ".gitattributes", "recipe.yaml", "study.json", ""}) {
    EXPECT_FALSE(is_side_file(name)) << name;
  }
}

TEST(SideFiles, AreListedInOrderWithoutDirectories) {
  const TemporaryDirectory directory;
  directory.add("tokenizer.json", "");
  directory.add("config.json", "");
  directory.add("LICENSE", "");
  directory.add("original/params.json", "");
  EXPECT_THAT(list_side_files(directory.path()), testing::ElementsAre("LICENSE", "tokenizer.json"));
}

TEST(SideFiles, LinksAreFollowedWhenCopied) {
  const TemporaryDirectory directory;
  directory.add("blobs/1234", "content");
  std::filesystem::create_directories(directory.path() / "snapshots/main");
  const auto link = directory.path() / "snapshots/main/tokenizer.json";
  std::filesystem::create_symlink("../../blobs/1234", link);
  const auto copy = directory.path() / "copy.json";
  copy_side_file(link, copy);
  EXPECT_FALSE(std::filesystem::is_symlink(copy));
  EXPECT_EQ(read_text_file(copy), "content");
}

TEST(SideFiles, ALinkToNothingIsAnError) {
  const TemporaryDirectory directory;
  std::filesystem::create_symlink("nothing", directory.path() / "tokenizer.json");
  const std::string message = error_message(ErrorCode::kNotFound, [&] {
    copy_side_file(directory.path() / "tokenizer.json", directory.path() / "copy.json");
  });
  EXPECT_THAT(message, testing::HasSubstr("tokenizer.json"));
}

}  // namespace
}  // namespace vlm
