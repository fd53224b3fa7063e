// The paper's pair in its real shapes: Mistral-7B models of 32000 tokens, a LLaVA 1.6 of 32064. The
// files hold headers only; their weights are holes on the disk.

#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "merge/merged_checkpoint.h"
#include "merge/plan_cost.h"
#include "merge/plan_summary.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/sparse_model.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/method_recipes.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class SevenBillion : public testing::Test {
 protected:
  void SetUp() override {
    SparseModel text;
    add_mistral_7b(text, "", 32000);
    for (const char* const name : {"Mistral-7B-v0.1", "shisa-gamma-7b-v1", "second", "third"}) {
      text.write(folder_, name, mistral_7b_config(32000, 10000));
    }
    SparseModel vlm;
    vlm.add("image_newline", {4096});
    add_mistral_7b(vlm, "language_model.", 32064);
    vlm.add("vision_tower.vision_model.embeddings.class_embedding", {1024});
    vlm.add("vision_tower.vision_model.embeddings.patch_embedding.weight", {1024, 3, 14, 14});
    vlm.add("multi_modal_projector.linear_1.weight", {4096, 1024});
    vlm.add("multi_modal_projector.linear_2.weight", {4096, 4096});
    Json text_config = mistral_7b_config(32064, 1e6);
    text_config["sliding_window"] = nullptr;
    vlm.write(folder_, "llava-v1.6-mistral-7b",
              {{"architectures", {"LlavaForConditionalGeneration"}},
               {"model_type", "llava"},
               {"text_config", text_config},
               {"vision_config", {{"hidden_size", 1024}}},
               {"image_token_index", 32000},
               {"torch_dtype", "bfloat16"}});
  }

  MergePlan plan(const std::string& recipe) const {
    return make_merge_plan(parse_recipe(recipe, "recipe.yaml"), [&](const std::string& name) {
      return FileCheckpoint::open(folder_.path() / name);
    });
  }

  static std::string recipe_of(const MergeMethod& method) {
    return vlm::recipe_of(method, {"shisa-gamma-7b-v1", "second", "third"}, "Mistral-7B-v0.1");
  }

  // The text models get one layer in the shapes of 70 billion parameters.
  void make_wider() const {
    SparseModel text;
    add_decoder(text, "",
                {.layers = 1, .width = 8192, .inner_width = 28672, .vocabulary = 128'256});
    Json config = mistral_7b_config(128'256, 10000);
    config.update({{"num_hidden_layers", 1},
                   {"hidden_size", 8192},
                   {"intermediate_size", 28672},
                   {"num_attention_heads", 64}});
    for (const char* const name : {"Mistral-7B-v0.1", "shisa-gamma-7b-v1", "second", "third"}) {
      text.write(folder_, name, config);
    }
  }

  const std::string recipe_ =
      "vlm: llava-v1.6-mistral-7b\n"
      "models:\n"
      "- model: llava-v1.6-mistral-7b\n"
      "  parameters: {weight: [{filter: mlp, value: [0.4, 0.6]}, {value: 0.5}], density: 0.6}\n"
      "- model: shisa-gamma-7b-v1\n"
      "  parameters: {weight: 0.7, density: [0.2, 1, 0.5]}\n"
      "merge_method: dare_ties\n"
      "base_model: Mistral-7B-v0.1\n";

  TemporaryDirectory folder_;
};

TEST_F(SevenBillion, RecipeIsPlannedFromHeaders) {
  const PlanSummary summary = summarize(plan(recipe_));
  EXPECT_EQ(summary.num_tensors, 291U + 5);
  EXPECT_EQ(summary.num_copied, 5U);
  EXPECT_GT(summary.bytes_to_write, 14'480'000'000U);
  EXPECT_EQ(summary.tensors.front().shape, (Shape{32064, 4096}));
  EXPECT_THAT(summary.tensors.front().sources.back(), HasSubstr("(rows from 32000 on)"));
  EXPECT_THAT(summary.warnings,
              testing::Contains(HasSubstr("rope_theta: shisa-gamma-7b-v1: 10000.0, "
                                          "but llava-v1.6-mistral-7b: 1000000.0")));
  EXPECT_THAT(summary.warnings, testing::Contains(HasSubstr("sliding_window")));
}

// docs/recipes.md, "Memory". Two threads, as a method of blocks has them.
TEST_F(SevenBillion, TakesLittleMemory) {
  const std::string ties =
      "models: [{model: shisa-gamma-7b-v1}, {model: Mistral-7B-v0.1}]\nmerge_method: ties\n"
      "base_model: Mistral-7B-v0.1\nparameters: {weight: 0.5, density: 0.5}\n";
  const MergePlan plan_of_ties = plan(ties);
  const PlanCost cost = estimate_cost(plan_of_ties, try_method(plan_of_ties), 2);
  EXPECT_LT(cost.peak_memory_bytes, 130'000'000U);
  EXPECT_LT(estimate_cost(plan(recipe_), 0, 2).peak_memory_bytes, 130'000'000U);
}

// Of the matrices that tsv_m decomposes one fills the memory, so one thread finds its eigenvectors;
// of iso_c two are open at a time.
TEST_F(SevenBillion, TimeOfEigenvectorsIsSharedByOpenTensors) {
  const std::string models =
      "models: [{model: shisa-gamma-7b-v1}, {model: second}]\nbase_model: Mistral-7B-v0.1\n";
  const auto seconds = [&](const std::string& method, std::size_t num_threads) {
    return estimate_cost(plan(models + "merge_method: " + method + "\n"), 1e-9, num_threads)
        .seconds;
  };
  EXPECT_GT(seconds("tsv_m", 2), 0.7 * seconds("tsv_m", 1));
  EXPECT_LT(seconds("iso_c", 2), 0.6 * seconds("iso_c", 1));
}

// Whatever the method: less than 2 GB for three models, on sixteen threads. Of larger matrices than
// those of 7 billion parameters some of it is on the disk.
TEST_F(SevenBillion, NoMethodTakesTwoGigabytes) {
  for (const MergeMethod& method : merge_methods()) {
    const PlanCost cost = estimate_cost(plan(recipe_of(method)), 0, 16);
    EXPECT_LT(cost.peak_memory_bytes, 2'000'000'000U) << method.name;
    EXPECT_EQ(cost.overflow_bytes, 0U) << method.name;
  }
  make_wider();
  for (const MergeMethod& method : merge_methods()) {
    const PlanCost cost = estimate_cost(plan(recipe_of(method)), 0, 16);
    EXPECT_LT(cost.peak_memory_bytes, 2'000'000'000U) << method.name;
    EXPECT_EQ(cost.overflow_bytes > 0, method.memory != nullptr) << method.name;
  }
}

TEST_F(SevenBillion, AnInputThatIsAMergeTakesOfTheSameBound) {
  make_wider();
  const auto inner =
      std::make_shared<const MergedCheckpoint>(plan(recipe_of(find_merge_method("wudi", ""))));
  const MergePlan outer =
      make_merge_plan(parse_recipe("merge_method: linear\nparameters: {weight: 0.5}\n"
                                   "models: [{model: inner}, {model: second}]\n",
                                   "recipe.yaml"),
                      [&](const std::string& name) -> std::shared_ptr<const Checkpoint> {
                        if (name == "inner") return inner;
                        return FileCheckpoint::open(folder_.path() / name);
                      });
  const std::uint64_t overflow = estimate_cost(outer, 0, 1).overflow_bytes;
  EXPECT_GT(overflow, 0U);
  EXPECT_EQ(overflow, estimate_cost(inner->plan(), 0, 1).overflow_bytes);
}

TEST_F(SevenBillion, WithoutVocabularyPolicyTheRowsAreAnError) {
  EXPECT_THAT([&] { plan(recipe_ + "embeddings: {policy: error}\n"); },
              testing::ThrowsMessage<Error>(
                  testing::AllOf(HasSubstr("[32064, 4096]"), HasSubstr("[32000, 4096]"))));
}

TEST_F(SevenBillion, DifferentTokenTablesAreRefused) {
  for (const char* const name : {"Mistral-7B-v0.1", "llava-v1.6-mistral-7b"}) {
    folder_.add(std::string(name) + "/tokenizer.json", R"({"model": {"vocab": {"a": 0, "b": 1}}})");
  }
  folder_.add("shisa-gamma-7b-v1/tokenizer.json", R"({"model": {"vocab": {"a": 0, "c": 1}}})");
  EXPECT_THAT([&] { plan(recipe_); }, testing::ThrowsMessage<Error>(testing::AllOf(
                                          HasSubstr("token tables differ"),
                                          HasSubstr(R"(1 of 2 ids, the first 1: "c" and "b" ()"))));
}

}  // namespace
}  // namespace vlm
