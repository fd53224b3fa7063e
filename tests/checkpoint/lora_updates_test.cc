#include "checkpoint/lora_updates.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::string kModule = "base_model.model.model.layers.0.self_attn.q_proj";

// Updates of tensors that are given by name and shape.
class Adapter {
 public:
  explicit Adapter(const std::string& more = "")
      : config_(parse_lora_config(R"({"peft_type": "LORA", "r": 2, "lora_alpha": 1)" + more + "}",
                                  "a/config.json")) {}

  Adapter& with(const std::string& name, const Shape& shape, DType dtype = DType::kF32) {
    const std::size_t count = *element_count(shape) * element_size_bytes(dtype);
    bytes_[name].resize(count);
    tensors_.push_back({name, {dtype, shape, bytes_[name]}});
    return *this;
  }
  [[nodiscard]] std::vector<LoraUpdate> updates() const {
    return read_lora_updates(config_, tensors_);
  }
  [[nodiscard]] std::string refusal(ErrorCode code) const {
    return error_message(code, [&] { (void)updates(); });
  }

 private:
  LoraConfig config_;
  std::map<std::string, std::vector<std::byte>> bytes_;
  std::vector<AdapterTensor> tensors_;
};

Adapter with_pair(const Shape& a, const Shape& b, const std::string& more = "") {
  Adapter adapter(more);
  adapter.with(kModule + ".lora_A.weight", a).with(kModule + ".lora_B.weight", b);
  return adapter;
}

TEST(LoraUpdates, APairIsAProduct) {
  const auto updates = with_pair({2, 5}, {3, 2}).updates();
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].target, "text/model.layers.0.self_attn.q_proj.weight");
  EXPECT_EQ(updates[0].scale, 0.5);
}

TEST(LoraUpdates, KnowTheNamesOfEveryLayout) {
  const std::map<std::string, std::string> targets = {
      {"model.language_model.layers.0.mlp.up_proj", "text/model.layers.0.mlp.up_proj.weight"},
      {"language_model.model.layers.0.mlp.up_proj", "text/model.layers.0.mlp.up_proj.weight"},
      {"vision_tower.vision_model.encoder.layers.1.mlp.fc1",
       "vision/encoder.layers.1.mlp.fc1.weight"},
      {"model.vision_tower.encoder.layers.1.mlp.fc1", "vision/encoder.layers.1.mlp.fc1.weight"}};
  for (const auto& [module, target] : targets) {
    Adapter adapter;
    adapter.with("base_model.model." + module + ".lora_A.weight", {2, 4})
        .with("base_model.model." + module + ".lora_B.weight", {4, 2});
    EXPECT_EQ(adapter.updates().front().target, target);
  }
}

TEST(LoraUpdates, WholeTensorsNeedToBeNamed) {
  const std::string norm = "base_model.model.model.norm.weight";
  EXPECT_THAT(Adapter().with(norm, {4}).refusal(ErrorCode::kUnsupported), HasSubstr("model.norm"));
  const auto saved = Adapter(R"(, "modules_to_save": ["norm"])").with(norm, {4}).updates();
  EXPECT_EQ(saved.front().kind, LoraUpdateKind::kReplacement);
  const std::string bias = "base_model.model.model.layers.0.self_attn.q_proj.bias";
  EXPECT_THAT(Adapter().with(bias, {4}).refusal(ErrorCode::kUnsupported), HasSubstr("q_proj.bias"));
  EXPECT_EQ(Adapter(R"(, "bias": "lora_only")").with(bias, {4}).updates().size(), 1U);
}

TEST(LoraUpdates, ReplacementsGoFirst) {
  const std::string embed = "base_model.model.model.embed_tokens";
  const auto updates = Adapter()
                           .with(embed + ".lora_embedding_A", {2, 6})
                           .with(embed + ".lora_embedding_B", {4, 2})
                           .with(embed + ".base_layer.weight", {6, 4})
                           .updates();
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_EQ(updates[0].kind, LoraUpdateKind::kReplacement);
  EXPECT_TRUE(updates[1].is_transposed);
  EXPECT_EQ(updates[0].target, updates[1].target);
}

TEST(LoraUpdates, RefuseHalfPairs) {
  EXPECT_THAT(Adapter().with(kModule + ".lora_A.weight", {2, 4}).refusal(ErrorCode::kCorruptFile),
              HasSubstr("A but no B"));
  EXPECT_THAT(Adapter().with(kModule + ".lora_B.weight", {4, 2}).refusal(ErrorCode::kCorruptFile),
              HasSubstr("B but no A"));
}

TEST(LoraUpdates, RefuseRanksThatDiffer) {
  EXPECT_THAT(with_pair({2, 4}, {4, 3}).refusal(ErrorCode::kCorruptFile), HasSubstr("B [4, 3]"));
  EXPECT_THAT(with_pair({3, 4}, {4, 3}).refusal(ErrorCode::kCorruptFile), HasSubstr("r = 2"));
  EXPECT_THAT(with_pair({2}, {4, 2}).refusal(ErrorCode::kCorruptFile), HasSubstr("A [2]"));
  EXPECT_THAT(with_pair({2, 4, 1, 1}, {4, 2, 3, 3}).refusal(ErrorCode::kCorruptFile),
              HasSubstr("B [4, 2, 3, 3]"));
  EXPECT_EQ(with_pair({3, 4}, {4, 3}, R"(, "rank_pattern": {"q_proj": 3})").updates().size(), 1U);
}

TEST(LoraUpdates, RefuseWhatIsNotLora) {
  EXPECT_THAT(Adapter()
                  .with(kModule + ".lora_magnitude_vector.weight", {4})
                  .refusal(ErrorCode::kUnsupported),
              HasSubstr("lora_magnitude_vector"));
  EXPECT_THAT(Adapter().with("transformer.wte.weight", {4}).refusal(ErrorCode::kUnsupported),
              HasSubstr("transformer.wte.weight"));
  EXPECT_THAT(Adapter()
                  .with(kModule + ".lora_A.weight", {2, 4}, DType::kI64)
                  .refusal(ErrorCode::kUnsupported),
              HasSubstr("not floating"));
}

TEST(LoraUpdates, NoTensorIsAnError) {
  EXPECT_THAT(Adapter().refusal(ErrorCode::kInvalidArgument),
              HasSubstr("adapter changes no tensor"));
}

}  // namespace
}  // namespace vlm
