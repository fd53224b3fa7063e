#include "merge/single_view.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "merge/merge_to_disk.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kTiny = std::filesystem::path(VLM_TEST_DATA) / "vision/llava16";

MergePlan plan_of(const std::string& vlm, const std::string& more) {
  const std::string recipe =
      "vlm: " + vlm + "\nmerge_method: passthrough\nmodels: [{model: " + vlm + "}]\n" + more;
  return make_merge_plan(parse_recipe(recipe, "r.yaml"),
                         [](const std::string& model) { return FileCheckpoint::open(model); });
}

std::string message_of(const std::string& vlm, const std::string& more) {
  return error_message([&] { plan_of(vlm, more); });
}

TEST(SingleView, WithoutTheKeyTilesStay) {
  const MergedCheckpoint merged(plan_of(kTiny.string(), ""), {});
  EXPECT_EQ(merged.config().family, ModelFamily::kLlavaNext);
  EXPECT_NE(merged.find("projector/image_newline"), nullptr);
}

TEST(SingleView, IsTheArchitectureOfLlava15WithoutNewline) {
  const MergedCheckpoint merged(plan_of(kTiny.string(), "views: single\n"), {});
  EXPECT_EQ(merged.config().family, ModelFamily::kLlava);
  EXPECT_EQ(merged.find("projector/image_newline"), nullptr);
  EXPECT_EQ(merged.tensors().size() + 1, FileCheckpoint(kTiny).tensors().size());
}

TEST(SingleView, WrittenModelNamesTheProcessorsOfLlava15) {
  const TemporaryDirectory folder;
  const std::filesystem::path vlm = folder.path() / "vlm";
  std::filesystem::copy(kTiny, vlm);
  write_file_atomically(
      vlm / "processor_config.json",
      R"({"processor_class": "LlavaNextProcessor", "patch_size": 8, "image_processor":
                            {"image_processor_type": "LlavaNextImageProcessorFast",
                             "do_pad": true, "image_grid_pinpoints": [[32, 64]], "size": 32}})");
  ThreadPool pool(1);
  merge_to_disk(MergedCheckpoint(plan_of(vlm.string(), "views: single\n"), {}),
                folder.path() / "out", {}, pool);
  const FileCheckpoint written(folder.path() / "out");
  EXPECT_EQ(written.config().architecture, "LlavaForConditionalGeneration");
  EXPECT_EQ(written.config().original.at("model_type"), "llava");
  const Json images = read_json_file(folder.path() / "out/preprocessor_config.json");
  EXPECT_EQ(images.at("image_processor_type"), "CLIPImageProcessor");
  EXPECT_FALSE(images.contains("image_grid_pinpoints"));
  EXPECT_FALSE(images.contains("do_pad"));
  EXPECT_EQ(images.at("size"), Json({{"shortest_edge", 32}}));
  EXPECT_EQ(
      read_json_file(folder.path() / "out/processor_config.json"),
      Json({{"processor_class", "LlavaProcessor"},
            {"patch_size", 8},
            {"image_processor", {{"image_processor_type", "CLIPImageProcessor"}, {"size", 32}}}}));
  EXPECT_EQ(read_text_file(folder.path() / "out/tokenizer_config.json"),
            read_text_file(vlm / "tokenizer_config.json"));
}

TEST(SingleView, IsForLlava16Alone) {
  EXPECT_THAT(message_of(std::string(VLM_PROJECT_DIR) + "/zoo/models/en-vlm", "views: single\n"),
              HasSubstr("'views: single' is for models of LLaVA 1.6"));
  EXPECT_THAT(message_of(kTiny.string(), "views: two\n"),
              HasSubstr("unknown value of 'views': r.yaml:4"));
}

}  // namespace
}  // namespace vlm
