// Merging original LLaVA gives the values that the same weights in the hub's layout give, and what
// is written keeps the layout of the model that gave the config.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "merge/merge_to_disk.h"
#include "merge/model_pool.h"
#include "merge/plan_summary.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/original_llava_model.h"
#include "tests/merge/file_models.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

const fs::path kZoo = fs::path(VLM_PROJECT_DIR) / "zoo/models";
const fs::path kLlava16 = fs::path(VLM_TEST_DATA) / "vision/llava16";

MergedCheckpoint merge(const std::string& recipe) {
  ModelPool models = file_models(kZoo);
  return MergedCheckpoint(make_merge_plan(parse_recipe(recipe, "r.yaml"), models), {});
}

// `vlm`'s language tower with a Japanese model merged in.
std::string with_japanese(const std::string& vlm, const std::string& source) {
  return "vlm: " + vlm + "\nmodels:\n- {model: " + source +
         ", parameters: {weight: 0.8}}\n- {model: ja-lm, parameters: {weight: 0.6, density: 0.5}}\n"
         "merge_method: dare_ties\nbase_model: base-lm\n";
}

std::map<std::string, std::vector<float>> values_of(const Checkpoint& model) {
  std::map<std::string, std::vector<float>> values;
  for (const TensorInfo& info : model.tensors()) values.emplace(info.name, read_all(model, info));
  return values;
}

std::vector<std::string> names_in(const fs::path& file) {
  std::vector<std::string> names;
  const SafetensorsFile opened(file);
  for (const SafetensorsEntry& entry : opened.entries()) names.push_back(entry.name);
  return names;
}

class OriginalLlavaMerge : public testing::Test {
 protected:
  std::shared_ptr<const FileCheckpoint> written(const MergedCheckpoint& merged) {
    merge_to_disk(merged, out(), {}, pool);
    return FileCheckpoint::open(out());
  }
  [[nodiscard]] fs::path out() const { return folder.path() / "deep/down/out"; }

  OriginalLlavaModel original{kZoo / "en-vlm"};
  std::string path = original.path().string();
  TemporaryDirectory folder;
  ThreadPool pool{2};
};

// All components of two VLMs.
std::string linear_of_all(const std::string& a, const std::string& b) {
  const std::string both = "{models: [{model: " + a +
                           ", parameters: {weight: 0.25}}, {model: " + b +
                           ", parameters: {weight: 0.5}}]}";
  return "merge_method: linear\nparameters: {normalize: false}\ncomponents:\n  text: " + both +
         "\n  vision: " + both + "\n  projector: " + both + "\n";
}

TEST_F(OriginalLlavaMerge, AsBaseAndAsSourceItGivesTheValuesOfTheHubsLayout) {
  const auto expected = values_of(merge(with_japanese("en-vlm", "en-vlm")));
  EXPECT_TRUE(values_of(merge(with_japanese(path, path))) == expected);
  EXPECT_TRUE(values_of(merge(with_japanese("en-vlm", path))) == expected);
  EXPECT_TRUE(values_of(merge(with_japanese(path, "en-vlm"))) == expected);
}

TEST_F(OriginalLlavaMerge, TheResultKeepsLayoutConfigAndSideFilesAndBorrowsTheTower) {
  const MergedCheckpoint merged = merge(with_japanese(path, path));
  const auto result = written(merged);
  EXPECT_EQ(result->layout().kind(), LayoutKind::kOriginalLlava);
  EXPECT_TRUE(values_of(*result) == values_of(merged));
  EXPECT_EQ(summarize(merged.plan()).num_tensors, names_in(out() / "model.safetensors").size());
  EXPECT_THAT(names_in(out() / "model.safetensors"),
              testing::AllOf(testing::Contains("model.mm_projector.2.bias"),
                             testing::Each(testing::Not(testing::HasSubstr("vision")))));
  Json config = read_json_file(out() / "config.json");
  EXPECT_EQ(config.at("mm_vision_tower"), original.tower().string());  // it was relative
  config["mm_vision_tower"] = "../clip";
  EXPECT_EQ(config, read_json_file(original.path() / "config.json"));
  for (const char* name : {"tokenizer.json", "tokenizer.model", "generation_config.json"}) {
    EXPECT_TRUE(fs::exists(out() / name)) << name;
  }
  EXPECT_FALSE(fs::exists(out() / "preprocessor_config.json"));
}

TEST_F(OriginalLlavaMerge, ABorrowedTowerIsNotRounded) {
  const OriginalLlavaModel tiny(kLlava16);  // of float32
  const std::string model = tiny.path().string();
  const MergedCheckpoint merged =
      merge("vlm: " + model + "\nmerge_method: passthrough\nmodels: [{model: " + model +
            "}]\nout_dtype: bfloat16\n");
  const TensorInfo* const tower = merged.find("vision/pre_layrnorm.weight");
  const TensorInfo* const projector = merged.find("projector/linear_1.weight");
  ASSERT_NE(tower, nullptr);
  ASSERT_NE(projector, nullptr);
  EXPECT_EQ(tower->dtype, DType::kF32);
  EXPECT_EQ(projector->dtype, DType::kBF16);
  EXPECT_TRUE(values_of(*written(merged)) == values_of(merged));
}

TEST_F(OriginalLlavaMerge, ATowerThatIsInTheCheckpointStaysThere) {
  const OriginalLlavaModel owner(kZoo / "en-vlm",
                                 {TowerPlace::kInTheCheckpoint, false, std::nullopt});
  const std::string model = owner.path().string();
  const MergedCheckpoint merged = merge(with_japanese(model, model));
  const auto result = written(merged);
  EXPECT_FALSE(result->config().borrows_tower);
  EXPECT_TRUE(values_of(*result) == values_of(merged));
}

TEST_F(OriginalLlavaMerge, AMergedTowerIsWrittenAndLoadedFromTheCheckpoint) {
  const OriginalLlavaModel other(kZoo / "en-vlm",
                                 {TowerPlace::kInTheCheckpoint, false, std::nullopt});
  const auto expected = values_of(merge(linear_of_all("en-vlm", "evo-vlm")));
  const MergedCheckpoint merged = merge(linear_of_all(path, "evo-vlm"));
  EXPECT_TRUE(values_of(merged) == expected);
  EXPECT_TRUE(values_of(merge(linear_of_all(other.path().string(), "evo-vlm"))) == expected);
  const auto result = written(merged);
  EXPECT_FALSE(result->config().borrows_tower);
  EXPECT_EQ(result->config().original.at("unfreeze_mm_vision_tower"), true);
  EXPECT_THAT(
      names_in(out() / "model.safetensors"),
      testing::Contains("model.vision_tower.vision_tower.vision_model.embeddings.class_embedding"));
  EXPECT_TRUE(values_of(*result) == expected);
}

// Both borrow their towers, which are files beside them.
TEST_F(OriginalLlavaMerge, TwoOfThemMergeAsTheHubsDo) {
  const OriginalLlavaModel other(kZoo / "evo-vlm");
  const MergedCheckpoint merged = merge(linear_of_all(path, other.path().string()));
  const auto expected = values_of(merge(linear_of_all("en-vlm", "evo-vlm")));
  EXPECT_TRUE(values_of(merged) == expected);
  const auto result = written(merged);
  EXPECT_EQ(result->layout().kind(), LayoutKind::kOriginalLlava);
  EXPECT_THAT(names_in(out() / "model.safetensors"),
              testing::Contains("model.mm_projector.0.weight"));
  EXPECT_TRUE(values_of(*result) == expected);
}

TEST_F(OriginalLlavaMerge, ViewsSingleIsTheOriginalWithoutTiles) {
  const OriginalLlavaModel tiny(kLlava16);
  const std::string model = tiny.path().string();
  const auto result =
      written(merge("vlm: " + model + "\nmerge_method: passthrough\nviews: single\n" +
                    "models: [{model: " + model + "}]\n"));
  EXPECT_EQ(result->config().family, ModelFamily::kLlava);
  EXPECT_EQ(result->config().architecture, "LlavaMistralForCausalLM");
  EXPECT_EQ(result->config().original.at("image_aspect_ratio"), "square");
  EXPECT_EQ(result->config().original.at("mm_patch_merge_type"), "flat");
  EXPECT_EQ(result->find("projector/image_newline"), nullptr);
}

TEST_F(OriginalLlavaMerge, ChangesOfTheLanguageModelGoToTheTopLevel) {
  const auto result = written(
      merge("vlm: " + path + "\nmerge_method: passthrough\ncomponents:\n  text:\n    slices:\n" +
            "    - sources: [{model: " + path + ", layer_range: [0, 4]}]\ndtype: float32\n"));
  EXPECT_EQ(result->config().num_layers(), 4U);
  EXPECT_EQ(result->config().original.at("num_hidden_layers"), 4);
  EXPECT_EQ(result->config().original.at("torch_dtype"), "float32");
  EXPECT_FALSE(result->config().original.contains("text_config"));
}

}  // namespace
}  // namespace vlm
