// The exported vision tower and projector, read back.

#include "model/gguf_projector.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "tests/checkpoint/gguf_file.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using Numbers = std::vector<double>;

const std::filesystem::path kProject = VLM_PROJECT_DIR;

GgufFile exported(const Checkpoint& model, GgufType type) {
  const TemporaryDirectory folder;
  ThreadPool pool(2);
  GgufOptions options;
  options.type = type;
  export_gguf_projector(model, folder.path() / "mmproj.gguf", options, pool);
  return GgufFile(folder.path() / "mmproj.gguf");
}

std::string refusal(const std::filesystem::path& directory) {
  try {
    exported(FileCheckpoint(directory), GgufType::kF32);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    return error.what();
  }
  return "";
}

TEST(GgufProjector, MetadataSaysWhatTheConfigsSay) {
  const GgufFile file = exported(FileCheckpoint(kProject / "zoo/models/en-vlm"), GgufType::kF16);
  EXPECT_EQ(file.text_of("general.architecture"), "clip");
  EXPECT_EQ(file.text_of("general.type"), "mmproj");
  EXPECT_EQ(file.text_of("clip.projector_type"), "mlp");
  EXPECT_EQ(file.number_of("clip.has_vision_encoder"), 1);
  EXPECT_EQ(file.number_of("clip.use_gelu"), 0) << "quick_gelu";
  EXPECT_EQ(file.number_of("clip.vision.image_size"), 64);
  EXPECT_EQ(file.number_of("clip.vision.patch_size"), 8);
  EXPECT_EQ(file.number_of("clip.vision.embedding_length"), 192);
  EXPECT_EQ(file.number_of("clip.vision.feed_forward_length"), 768);
  EXPECT_EQ(file.number_of("clip.vision.projection_dim"), 192);
  EXPECT_EQ(file.number_of("clip.vision.block_count"), 6);
  EXPECT_EQ(file.number_of("clip.vision.attention.head_count"), 6);
  EXPECT_EQ(file.number_of("clip.vision.attention.layer_norm_epsilon"), double{1e-5F});
  EXPECT_THAT(std::get<Numbers>(file.metadata.at("clip.vision.feature_layer")),
              testing::ElementsAre(5));
  EXPECT_THAT(std::get<Numbers>(file.metadata.at("clip.vision.image_mean")),
              testing::ElementsAre(0.48145466F, 0.4578275F, 0.40821073F));
}

TEST(GgufProjector, HoldsEveryTensorButTheLastNormAndKeepsEmbeddingsInFloat32) {
  const FileCheckpoint model(kProject / "zoo/models/en-vlm");
  const GgufFile file = exported(model, GgufType::kF16);
  std::size_t wanted = 0;
  for (const TensorInfo& info : model.tensors()) {
    const bool is_left_out =
        info.name.starts_with("text/") || info.name.starts_with("vision/post_layernorm.");
    wanted += is_left_out ? 0 : 1;
  }
  EXPECT_EQ(file.tensors.size(), wanted);
  EXPECT_FALSE(file.tensors.contains("v.post_ln.weight"));
  const auto type_of = [&](const char* name) { return file.tensors.at(name).type; };
  const auto f32 = static_cast<unsigned>(GgufType::kF32);
  EXPECT_EQ(type_of("v.patch_embd.weight"), f32);
  EXPECT_EQ(type_of("v.position_embd.weight"), f32);
  EXPECT_EQ(type_of("v.class_embd"), f32);
  EXPECT_EQ(type_of("mm.0.bias"), f32);
  EXPECT_EQ(type_of("v.blk.5.attn_out.weight"), static_cast<unsigned>(GgufType::kF16));
  EXPECT_EQ(file.tensors.at("v.patch_embd.weight").dimensions, (Shape{8, 8, 3, 192}));

  const TensorInfo& info = *model.find("projector/linear_2.bias");
  std::vector<float> values(info.shape.front());
  model.read(info, values);
  const std::string stored = file.bytes_of("mm.2.bias", values.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(stored.data(), values.data(), stored.size()), 0);
}

TEST(GgufProjector, WhatLlamaCppWouldComputeInAnotherWayIsRefused) {
  EXPECT_THAT(refusal(kProject / "zoo/models/ja-lm"),
              testing::HasSubstr("a language model has none"));
  EXPECT_THAT(refusal(kProject / "tests/data/vision/llava16"),
              testing::HasSubstr("tiles of LLaVA 1.6 (a recipe with 'views: single'"));
}

}  // namespace
}  // namespace vlm
