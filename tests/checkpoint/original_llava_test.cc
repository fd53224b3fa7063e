#include "checkpoint/original_llava.h"

#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/original_llava_model.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kLlava15 = fs::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm";
const fs::path kLlava16 = fs::path(VLM_TEST_DATA) / "vision/llava16";

// As of liuhaotian/llava-v1.6-mistral-7b, shortened.
Json config_16() {
  return Json::parse(
      R"({"architectures": ["LlavaMistralForCausalLM"], "model_type": "llava_mistral",
    "hidden_size": 4096, "vocab_size": 32000, "rope_theta": 1000000.0, "sliding_window": null,
    "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch", "mm_hidden_size": 1024,
    "mm_patch_merge_type": "spatial_unpad", "image_aspect_ratio": "anyres",
    "image_grid_pinpoints": [[336, 672], [672, 336]], "mm_use_im_start_end": false})");
}

Json clip() {
  return Json::parse(
      R"({"model_type": "clip", "vision_config": {"hidden_size": 1024, "image_size": 336}})");
}

Json converted(const Json& config, const Json& tower = clip()) {
  return hub_config(JsonFields(config, "config.json"), JsonFields(tower, "clip/config.json"));
}

std::string refused(ErrorCode code, const std::string& key, const Json& value) {
  Json config = config_16();
  config[key] = value;
  return error_message(code, [&] { (void)converted(config); });
}

// Names, types, shapes and values, whatever their order.
std::map<std::string, std::pair<Shape, std::vector<float>>> contents(const Checkpoint& model) {
  std::map<std::string, std::pair<Shape, std::vector<float>>> all;
  for (const TensorInfo& info : model.tensors()) {
    std::vector<float> values(element_count(info.shape).value());
    model.read(info, values);
    all.emplace(info.name, std::pair(info.shape, std::move(values)));
  }
  return all;
}

TEST(OriginalLlavaConfig, IsKnownByItsArchitecture) {
  EXPECT_TRUE(is_original_llava(config_16()));
  EXPECT_TRUE(is_original_llava(
      Json::parse(R"({"architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava"})")));
  EXPECT_TRUE(is_original_llava(Json::parse(R"({"model_type": "llava_llama"})")));
  for (const char* other :
       {R"({"model_type": "llava"})", R"({"architectures": ["LlavaForConditionalGeneration"]})",
        R"({"architectures": [1]})", R"({"architectures": []})", "[]", "null"}) {
    EXPECT_FALSE(is_original_llava(Json::parse(other))) << other;
  }
}

TEST(OriginalLlavaConfig, BecomesThatOfTheHub) {
  const Json hub = converted(config_16());
  EXPECT_EQ(hub.at("architectures")[0], "LlavaNextForConditionalGeneration");
  EXPECT_EQ(hub.at("text_config").at("model_type"), "mistral");
  EXPECT_EQ(hub.at("text_config").at("rope_theta"), 1e6);
  EXPECT_TRUE(hub.at("text_config").at("sliding_window").is_null());
  EXPECT_EQ(hub.at("vision_config").at("image_size"), 336);
  EXPECT_EQ(hub.at("vision_feature_layer"), -2);
  EXPECT_EQ(hub.at("vision_feature_select_strategy"), "default");
  EXPECT_EQ(hub.at("image_grid_pinpoints"), Json::parse("[[336, 672], [672, 336]]"));
}

TEST(OriginalLlavaConfig, APaddedOrSquarePictureIsOneView) {
  for (const char* shown : {"pad", "square"}) {
    Json config = config_16();
    config["architectures"] = {"LlavaLlamaForCausalLM"};
    config["image_aspect_ratio"] = shown;
    config["mm_vision_select_feature"] = "cls_patch";
    const Json hub = converted(config);
    EXPECT_EQ(hub.at("architectures")[0], "LlavaForConditionalGeneration") << shown;
    EXPECT_EQ(hub.at("text_config").at("model_type"), "llama");
    EXPECT_EQ(hub.at("vision_feature_select_strategy"), "full");
    EXPECT_FALSE(hub.contains("image_grid_pinpoints"));
  }
}

TEST(OriginalLlavaConfig, WhatTheModelsDoNotHaveIsRefusedByName) {
  const auto unsupported = ErrorCode::kUnsupported;
  EXPECT_THAT(refused(unsupported, "mm_projector_type", "mlp3x_gelu"),
              HasSubstr("config.json: mm_projector_type 'mlp3x_gelu' (known: linear, mlp2x_gelu)"));
  EXPECT_THAT(refused(unsupported, "image_aspect_ratio", "anyres_max_9"),
              HasSubstr("anyres_max_9"));
  EXPECT_THAT(refused(unsupported, "mm_patch_merge_type", "spatial"), HasSubstr("'spatial'"));
  EXPECT_THAT(refused(unsupported, "mm_vision_select_feature", "cls"), HasSubstr("'cls'"));
  EXPECT_THAT(refused(unsupported, "mm_use_im_start_end", true), HasSubstr("mm_use_im_start_end"));
  EXPECT_THAT(refused(unsupported, "s2", true), HasSubstr("s2 true"));
  EXPECT_THAT(refused(ErrorCode::kCorruptFile, "mm_hidden_size", 768),
              HasSubstr("mm_hidden_size 768, but hidden_size 1024 in clip/config.json"));
  EXPECT_THAT(refused(ErrorCode::kCorruptFile, "mm_vision_select_layer", nullptr),
              HasSubstr("mm_vision_select_layer"));
  EXPECT_THAT(error_message(
                  unsupported,
                  [] { (void)converted(config_16(), Json::parse(R"({"model_type": "siglip"})")); }),
              HasSubstr("clip/config.json: model_type 'siglip'"));
}

TEST(OriginalLlava, HoldsTheTensorsOfTheHubsLayout) {
  for (const fs::path& hub : {kLlava15, kLlava16}) {
    const auto expected = contents(*FileCheckpoint::open(hub));
    for (const TowerPlace place :
         {TowerPlace::kClipModel, TowerPlace::kClipTowerV5, TowerPlace::kInTheCheckpoint}) {
      const OriginalLlavaModel original(hub, {place, false, std::nullopt});
      const auto model = FileCheckpoint::open(original.path());
      EXPECT_EQ(model->layout().kind(), LayoutKind::kOriginalLlava);
      EXPECT_EQ(model->config().borrows_tower, place != TowerPlace::kInTheCheckpoint);
      EXPECT_EQ(model->weight_files().size(), place == TowerPlace::kInTheCheckpoint ? 1U : 2U);
      EXPECT_TRUE(contents(*model) == expected) << hub;
      EXPECT_EQ(model->image_processor_directory(), original.path() / "../clip");
    }
  }
}

TEST(OriginalLlava, HasTheConfigOfTheHubsLayout) {
  for (const fs::path& hub : {kLlava15, kLlava16}) {
    const OriginalLlavaModel original(hub);
    const ModelConfig found = read_model_config(original.path());
    const ModelConfig expected = read_model_config(hub);
    EXPECT_EQ(found.family, expected.family);
    EXPECT_EQ(found.architecture, "LlavaMistralForCausalLM");
    EXPECT_EQ(found.image_token_id(), std::nullopt);
    EXPECT_TRUE(expected.image_token_id().has_value());
    EXPECT_EQ(found.original, read_json_file(original.path() / "config.json"));
    for (const auto& [key, value] : expected.vision().json().items()) {
      EXPECT_EQ(found.vision().json().at(key), value) << key;
    }
    for (const auto& [key, value] : expected.text().json().items()) {
      if (key == "architectures") continue;
      EXPECT_EQ(found.text().json().at(key), value) << key;
    }
  }
}

TEST(OriginalLlava, ALinearProjectorHasOneLayer) {
  const OriginalLlavaModel original(kLlava15, {TowerPlace::kClipModel, true, std::nullopt});
  const auto model = FileCheckpoint::open(original.path());
  EXPECT_EQ(model->layout().kind(), LayoutKind::kOriginalLlavaLinear);
  EXPECT_NE(model->find("projector/linear_1.weight"), nullptr);
  EXPECT_EQ(model->find("projector/linear_2.weight"), nullptr);
}

TEST(OriginalLlava, ConfigAndTensorsAgreeOnTheProjectorsLayers) {
  const OriginalLlavaModel original(kLlava15);
  original.change("mm_projector_type", "linear");
  EXPECT_THAT(
      error_message(ErrorCode::kCorruptFile, [&] { FileCheckpoint::open(original.path()); }),
      HasSubstr("mm_projector_type 'linear', but the tensors are named as those of two layers"));
}

TEST(OriginalLlava, AMissingTowerIsOneErrorThatNamesIt) {
  const OriginalLlavaModel original(kLlava15);
  original.change("mm_vision_tower", "openai/clip-vit-none");
  const std::string absent =
      error_message(ErrorCode::kNotFound, [&] { FileCheckpoint::open(original.path()); });
  EXPECT_THAT(absent, HasSubstr("no such vision tower (mm_vision_tower in " +
                                (original.path() / "config.json").string() + ")"));
  EXPECT_THAT(absent, HasSubstr("openai/clip-vit-none"));
  EXPECT_THAT(absent, HasSubstr("not downloaded"));
  original.change("mm_vision_tower", "../clip");
  fs::remove(original.tower() / "model.safetensors");
  EXPECT_THAT(error_message(ErrorCode::kNotFound, [&] { FileCheckpoint::open(original.path()); }),
              HasSubstr("clip: neither model.safetensors"));
}

TEST(OriginalLlava, ATowerIsFoundUnderAnAbsolutePathAndInTheCache) {
  const OriginalLlavaModel original(kLlava15);
  original.change("mm_vision_tower", original.tower().string());
  EXPECT_EQ(read_model_config(original.path()).tower_directory, original.tower());
  const TemporaryDirectory home;
  const fs::path snapshot = home.path() / "hub/models--openai--tiny/snapshots/abc";
  home.add("hub/models--openai--tiny/refs/main", "abc");
  fs::create_directories(snapshot);
  for (const auto& entry : fs::directory_iterator(original.tower())) {
    fs::copy(entry.path(), snapshot);
  }
  original.change("mm_vision_tower", "openai/tiny");
  ASSERT_EQ(setenv("HF_HUB_CACHE", (home.path() / "hub").c_str(), 1), 0);
  EXPECT_EQ(FileCheckpoint::open(original.path())->config().tower_directory, snapshot);
  unsetenv("HF_HUB_CACHE");
}

TEST(OriginalLlava, ATowerThatShouldBeInTheCheckpointIsNotTakenFromElsewhere) {
  const OriginalLlavaModel original(kLlava15);
  original.change("unfreeze_mm_vision_tower", true);
  EXPECT_THAT(
      error_message(ErrorCode::kCorruptFile, [&] { FileCheckpoint::open(original.path()); }),
      HasSubstr("no tensor model.vision_tower"));
}

TEST(OriginalLlava, ConfigAndNamesMustBelongTogether) {
  const OriginalLlavaModel original(kLlava15);
  fs::copy_file(kLlava15 / "model.safetensors", original.path() / "model.safetensors",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(
      error_message(ErrorCode::kCorruptFile, [&] { FileCheckpoint::open(original.path()); }),
      HasSubstr("config and tensor names disagree"));
}

}  // namespace
}  // namespace vlm
