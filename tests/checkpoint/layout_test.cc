#include "checkpoint/layout.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using NamePairs = std::vector<std::pair<std::string, std::string>>;  // disk, canonical

void expect_pairs(LayoutKind kind, const NamePairs& pairs) {
  std::vector<std::string> disk_names;
  for (const auto& [disk, canonical] : pairs) disk_names.push_back(disk);
  const Layout layout = Layout::detect(disk_names);
  EXPECT_EQ(layout.kind(), kind);
  for (const auto& [disk, canonical] : pairs) {
    EXPECT_EQ(layout.canonical_name(disk), canonical);
    EXPECT_EQ(layout.disk_name(canonical), disk);
  }
}

TEST(Layout, MapsPlainTextModels) {
  expect_pairs(LayoutKind::kPlainText,
               {{"model.embed_tokens.weight", "text/model.embed_tokens.weight"},
                {"model.layers.0.mlp.up_proj.weight", "text/model.layers.0.mlp.up_proj.weight"},
                {"model.norm.weight", "text/model.norm.weight"},
                {"lm_head.weight", "text/lm_head.weight"}});
}

TEST(Layout, MapsLlavaOfTheHub) {
  expect_pairs(LayoutKind::kLlavaHub,
               {{"language_model.model.norm.weight", "text/model.norm.weight"},
                {"language_model.lm_head.weight", "text/lm_head.weight"},
                {"vision_tower.vision_model.pre_layrnorm.bias", "vision/pre_layrnorm.bias"},
                {"vision_tower.vision_model.embeddings.class_embedding",
                 "vision/embeddings.class_embedding"},
                {"multi_modal_projector.linear_1.weight", "projector/linear_1.weight"},
                {"image_newline", "projector/image_newline"}});
}

TEST(Layout, MapsLlavaAsTransformers5SavesIt) {
  expect_pairs(LayoutKind::kLlavaSavedV5,
               {{"language_model.model.norm.weight", "text/model.norm.weight"},
                {"language_model.lm_head.weight", "text/lm_head.weight"},
                {"vision_tower.post_layernorm.bias", "vision/post_layernorm.bias"},
                {"multi_modal_projector.linear_2.bias", "projector/linear_2.bias"},
                {"image_newline", "projector/image_newline"}});
}

TEST(Layout, MapsModuleNamesOfTransformers5) {
  expect_pairs(LayoutKind::kLlavaInMemoryV5,
               {{"model.language_model.norm.weight", "text/model.norm.weight"},
                {"lm_head.weight", "text/lm_head.weight"},
                {"model.vision_tower.post_layernorm.bias", "vision/post_layernorm.bias"},
                {"model.multi_modal_projector.linear_2.bias", "projector/linear_2.bias"},
                {"model.image_newline", "projector/image_newline"}});
}

TEST(Layout, MapsOriginalLlava) {
  expect_pairs(LayoutKind::kOriginalLlava,
               {{"model.norm.weight", "text/model.norm.weight"},
                {"model.layers.0.mlp.up_proj.weight", "text/model.layers.0.mlp.up_proj.weight"},
                {"lm_head.weight", "text/lm_head.weight"},
                {"model.vision_tower.vision_tower.vision_model.post_layernorm.bias",
                 "vision/post_layernorm.bias"},
                {"model.mm_projector.0.weight", "projector/linear_1.weight"},
                {"model.mm_projector.2.bias", "projector/linear_2.bias"},
                {"model.image_newline", "projector/image_newline"}});
  expect_pairs(LayoutKind::kOriginalLlavaLinear,
               {{"model.embed_tokens.weight", "text/model.embed_tokens.weight"},
                {"model.mm_projector.weight", "projector/linear_1.weight"},
                {"model.mm_projector.bias", "projector/linear_1.bias"}});
}

TEST(Layout, OfAClipModelOnlyTheVisionTowerHasAPlace) {
  const std::vector<std::string> names{"vision_model.pre_layrnorm.bias", "logit_scale",
                                       "text_model.encoder.layers.0.mlp.fc1.bias"};
  const Layout clip = Layout::detect_tower(names);
  EXPECT_EQ(clip.canonical_name(names[0]), "vision/pre_layrnorm.bias");
  EXPECT_EQ(clip.canonical_name(names[1]), std::nullopt);
  EXPECT_EQ(clip.canonical_name(names[2]), std::nullopt);
  const std::vector<std::string> saved{"encoder.layers.0.mlp.fc1.bias", "pre_layrnorm.bias"};
  const Layout alone = Layout::detect_tower(saved);
  EXPECT_EQ(alone.canonical_name(saved[0]), "vision/encoder.layers.0.mlp.fc1.bias");
  EXPECT_EQ(alone.canonical_name(saved[1]), "vision/pre_layrnorm.bias");
}

TEST(Layout, ANameThatFitsNoRuleHasNoCanonicalName) {
  const Layout plain(LayoutKind::kPlainText);
  for (const char* name : {"", "model.", "model.layers.", "model.mm_projector.0.weight",
                           "transformer.h.0.weight", "text/model.norm.weight"}) {
    EXPECT_EQ(plain.canonical_name(name), std::nullopt) << name;
  }
  const Layout hub(LayoutKind::kLlavaHub);
  EXPECT_EQ(hub.canonical_name("vision_tower.post_layernorm.bias"), std::nullopt);
  EXPECT_EQ(hub.canonical_name("image_newline.weight"), std::nullopt);
  const Layout original(LayoutKind::kOriginalLlava);
  EXPECT_EQ(original.canonical_name("model.mm_projector.4.weight"), std::nullopt);
  EXPECT_EQ(original.canonical_name("model.vision_resampler.weight"), std::nullopt);
}

TEST(Layout, TwoDiskNamesNeverShareACanonicalName) {
  // Both would become projector/image_newline.
  EXPECT_EQ(Layout(LayoutKind::kLlavaHub).canonical_name("multi_modal_projector.image_newline"),
            std::nullopt);
}

TEST(Layout, RefusesAComponentItDoesNotHave) {
  const std::string message = error_message(ErrorCode::kInvalidArgument, [] {
    (void)Layout(LayoutKind::kPlainText).disk_name("vision/post_layernorm.bias");
  });
  EXPECT_NE(message.find("vision/post_layernorm.bias"), std::string::npos);
}

TEST(Layout, KnowsBuffersThatAreNoWeights) {
  EXPECT_TRUE(is_known_buffer("model.layers.0.self_attn.rotary_emb.inv_freq"));
  EXPECT_TRUE(is_known_buffer("vision_tower.vision_model.embeddings.position_ids"));
  EXPECT_FALSE(is_known_buffer("vision_tower.vision_model.embeddings.position_embedding.weight"));
}

}  // namespace
}  // namespace vlm
