#include "merge/lora_extraction.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/adapted_checkpoint.h"
#include "core/files.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/large_tensors.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = VLM_TEST_DATA;

std::shared_ptr<const Checkpoint> golden(const std::string& name) {
  return FileCheckpoint::open(kData / "merge" / name);
}

std::shared_ptr<const Checkpoint> adapted(const std::shared_ptr<const Checkpoint>& base,
                                          const std::filesystem::path& adapter) {
  return std::make_shared<const AdaptedCheckpoint>(base,
                                                   std::make_shared<const LoraAdapter>(adapter));
}

AdapterReport extract(const Checkpoint& base, const Checkpoint& model,
                      const std::filesystem::path& target, std::size_t rank,
                      std::size_t threads = 1) {
  ThreadPool pool(threads);
  const LoraExtractionOptions options{
      .rank = rank, .seed = 5, .base_name = "base", .on_progress = {}, .stop_requested = {}};
  return extract_lora(base, model, target, options, pool);
}

// A model that is a base and a known adapter (of PEFT's golden data) gives an adapter that does the
// same: rank 4, values up to 4, so differences of a few units in the last place.
TEST(LoraExtraction, RecoversAKnownAdapter) {
  const TemporaryDirectory folder;
  for (const auto& [adapter, base, rank] : {std::tuple("attention", "models/base", 4),
                                            {"patterns", "models/base", 8},
                                            {"embedding_and_head", "models/base", 3},
                                            {"vlm", "vlm/models/vlm", 2}}) {
    const auto plain = golden(base);
    const auto model = adapted(plain, kData / "checkpoint/lora" / adapter);
    const auto target = folder.path() / adapter;
    const AdapterReport found = extract(*plain, *model, target, static_cast<std::size_t>(rank));
    EXPECT_LE(largest_difference(*model, *adapted(plain, target)), 2e-6) << adapter;
    for (const AdaptedKind& kind : found.kinds) {
      EXPECT_LE(kind.largest_error, 2e-6) << adapter << ' ' << kind.name;
    }
  }
}

TEST(LoraExtraction, TellsKindsAndWhatIsSavedWhole) {
  const TemporaryDirectory folder;
  const auto base = golden("models/base");
  const auto model = adapted(base, kData / "checkpoint/lora/embedding_and_head");
  const AdapterReport found = extract(*base, *model, folder.path() / "a", 3);
  ASSERT_EQ(found.kinds.size(), 1U);
  EXPECT_EQ(found.kinds[0].name, "self_attn.o_proj");
  EXPECT_EQ(found.kinds[0].modules, 3U);
  EXPECT_THAT(found.saved_whole, testing::Contains("text/lm_head"));
  EXPECT_THAT(found.saved_whole, testing::Contains("text/model.embed_tokens"));
}

TEST(LoraExtraction, BiasesOfAdaptedModulesBelongToB) {
  const TemporaryDirectory folder;
  const auto base = FileCheckpoint::open(kData / "checkpoint/lora/base_with_bias");
  const auto model = adapted(base, kData / "checkpoint/lora/bias_of_b");
  extract(*base, *model, folder.path() / "a", 2);
  EXPECT_LE(largest_difference(*model, *adapted(base, folder.path() / "a")), 1e-6);
}

TEST(LoraExtraction, ALowerRankLosesSomethingAndSaysHowMuch) {
  const TemporaryDirectory folder;
  const auto base = golden("models/base");
  const auto model = golden("models/ft_a");
  double before = 1;
  for (const std::size_t rank : {2U, 8U, 32U}) {
    const AdapterReport found = extract(*base, *model, folder.path() / std::to_string(rank), rank);
    EXPECT_LT(found.kinds.front().relative_error, before);
    before = found.kinds.front().relative_error;
  }
  EXPECT_LE(before, 1e-6) << "rank 32 is the smaller side of every matrix";
}

TEST(LoraExtraction, ThreadsDoNotChangeTheBytes) {
  const TemporaryDirectory folder;
  const auto base = golden("models/base");
  const auto model = golden("models/ft_b");
  extract(*base, *model, folder.path() / "one", 4, 1);
  extract(*base, *model, folder.path() / "three", 4, 3);
  for (const char* const file : {"adapter_model.safetensors", "adapter_config.json"}) {
    EXPECT_EQ(read_text_file(folder.path() / "one" / file),
              read_text_file(folder.path() / "three" / file));
  }
}

struct LargeModel {
  [[nodiscard]] std::shared_ptr<const Checkpoint> checkpoint() const {
    auto made = std::make_shared<MemoryCheckpoint>(make_up({})->config());
    made->add("text/model.layers.0.mlp.up_proj.weight", kLargeShape, matrix);
    made->add("text/lm_head.weight", kLargeShape, head);
    return made;
  }

  std::vector<float> matrix = large_values(1);
  std::vector<float> head = large_values(0.3F);
};

TEST(LoraExtraction, SeesAllPartsOfLargeTensors) {
  const TemporaryDirectory folder;
  const LargeModel base;
  LargeModel model;
  for (std::size_t i = 300'000; i < model.matrix.size(); ++i) {  // rows from 600 on, by one product
    model.matrix[i] += 0.25F * static_cast<float>(i / kLargeColumns % 3);
  }
  model.head.back() = 7;
  extract(*base.checkpoint(), *model.checkpoint(), folder.path() / "a", 1);
  EXPECT_LE(
      largest_difference(*model.checkpoint(), *adapted(base.checkpoint(), folder.path() / "a")),
      2e-6);
}

TEST(LoraExtraction, NamesTheElementThatIsNoNumber) {
  const TemporaryDirectory folder;
  const LargeModel base;
  LargeModel model;
  model.matrix[300'007] = std::nanf("");
  EXPECT_THAT(
      message_of([&] { extract(*base.checkpoint(), *model.checkpoint(), folder.path() / "a", 1); }),
      HasSubstr("up_proj.weight: element [600, 7]: nan"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(LoraExtraction, RefusesEqualModelsAndOtherShapes) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "a";
  const auto base = golden("models/base");
  EXPECT_THAT(message_of([&] { extract(*base, *base, target, 2); }), HasSubstr("equal"));
  EXPECT_THAT(message_of([&] { extract(*base, *golden("models/ft_b_vocab5"), target, 2); }),
              HasSubstr("[64, 32] in the base, [69, 32] in the model"));
  EXPECT_FALSE(std::filesystem::exists(target));
}

}  // namespace
}  // namespace vlm
