#include "merge/merge_to_disk.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "merge/model_pool.h"
#include "merge/plan_cost.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/file_models.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

const std::string kRecipe =
    "# weights of the paper\nvlm: en-vlm\nmodels:\n- {model: en-vlm, parameters: {weight: 0.8}}\n"
    "- {model: ja-lm, parameters: {weight: 0.6, density: 0.5}}\nmerge_method: dare_ties\n"
    "base_model: base-lm\n";

struct ZooMerge {
  std::string recipe = kRecipe;
  std::shared_ptr<SourceCache> cache = nullptr;
  std::shared_ptr<OverflowMemory> memory = nullptr;
};

MergedCheckpoint merge_zoo(std::uint64_t seed, const ZooMerge& merge = {}) {
  ModelPool models = file_models(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models");
  return MergedCheckpoint(make_merge_plan(parse_recipe(merge.recipe, "r.yaml"), models),
                          {.seed = seed, .cache = merge.cache, .memory = merge.memory});
}

TEST(MergeToDisk, WrittenModelEqualsTheOneInMemoryForAnyNumberOfThreads) {
  const TemporaryDirectory folder;
  const MergedCheckpoint merged = merge_zoo(1);
  for (const std::size_t threads : {1U, 2U}) {
    ThreadPool pool(threads);
    const auto target = folder.path() / ("out" + std::to_string(threads));
    merge_to_disk(merged, target, {}, pool);
    const auto written = FileCheckpoint::open(target);
    ASSERT_EQ(written->tensors().size(), merged.tensors().size());
    for (const TensorInfo& info : merged.tensors()) {
      const TensorInfo* const found = written->find(info.name);
      ASSERT_NE(found, nullptr) << info.name;
      EXPECT_EQ(found->dtype, DType::kBF16);
      EXPECT_EQ(read_all(*written, *found), read_all(merged, info)) << info.name;
    }
  }
}

TEST(MergedCheckpoint, WhatDoesNotFitIntoMemoryIsInFilesAndChangesNoBit) {
  const TemporaryDirectory folder;
  for (const std::string method : {"iso_c", "tsv_m", "wudi"}) {
    const std::string recipe =
        "merge_method: " + method +
        "\nbase_model: base-lm\nmodels: [{model: ja-lm}, {model: math-lm}]\n";
    const MergedCheckpoint plain = merge_zoo(1, {.recipe = recipe});
    const auto memory = std::make_shared<OverflowMemory>(100'000, folder.path());
    const MergedCheckpoint bounded = merge_zoo(1, {.recipe = recipe, .memory = memory});
    for (const std::string kind : {"self_attn.k_proj", "mlp.up_proj", "mlp.down_proj"}) {
      const std::string name = "text/model.layers.1." + kind + ".weight";
      EXPECT_EQ(read_all(bounded, *bounded.find(name)), read_all(plain, *plain.find(name)))
          << method << " " << kind;
    }
    EXPECT_GT(memory->most_file_bytes(), 0U) << method;
    EXPECT_LE(memory->most_file_bytes(), overflow_bytes(bounded.plan(), memory->budget_bytes()))
        << method;
  }
}

TEST(MergedCheckpoint, CacheChangesNoRandomMask) {
  const MergedCheckpoint plain = merge_zoo(5);
  const MergedCheckpoint cached =
      merge_zoo(5, {.cache = std::make_shared<SourceCache>(std::size_t{1} << 30U)});
  const MergedCheckpoint other = merge_zoo(6);
  const std::string name = "text/model.layers.3.mlp.up_proj.weight";
  const std::vector<float> wanted = read_all(plain, *plain.find(name));
  EXPECT_EQ(read_all(cached, *cached.find(name)), wanted);
  EXPECT_EQ(read_all(cached, *cached.find(name)), wanted) << "second time";
  EXPECT_NE(read_all(other, *other.find(name)), wanted);
}

TEST(MergeToDisk, KeepsLayoutConfigAndSideFilesOfTheVlm) {
  const TemporaryDirectory folder;
  ThreadPool pool(2);
  const auto target = folder.path() / "out";
  merge_to_disk(merge_zoo(1), target, {}, pool);
  const auto vlm = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm";
  for (const char* const name :
       {"tokenizer.model", "tokenizer_config.json", "preprocessor_config.json"}) {
    EXPECT_EQ(read_text_file(target / name), read_text_file(vlm / name)) << name;
  }
  EXPECT_EQ(read_text_file(target / "config.json"), read_text_file(vlm / "config.json"));
  EXPECT_EQ(read_text_file(target / "recipe.yaml"), kRecipe);
  EXPECT_THAT(read_text_file(target / "README.md"),
              testing::AllOf(testing::HasSubstr("dare_ties"), testing::HasSubstr("`ja-lm`"),
                             testing::HasSubstr("weights of the paper")));
  EXPECT_EQ(FileCheckpoint::open(target)->layout().kind(),
            FileCheckpoint::open(vlm)->layout().kind());
}

TEST(MergeToDisk, OptionsAreWrittenBesideTheRecipe) {
  const TemporaryDirectory folder;
  ThreadPool pool(1);
  MergeToDiskOptions options;
  options.command_options = "--seed 7";
  merge_to_disk(merge_zoo(7), folder.path() / "out", options, pool);
  EXPECT_EQ(read_text_file(folder.path() / "out/recipe.yaml"),
            "# vlm-merge merge recipe.yaml OUT_DIR --seed 7\n" + kRecipe);
  EXPECT_THAT(read_text_file(folder.path() / "out/README.md"),
              testing::HasSubstr("Merged with `--seed 7`."));
}

TEST(MergeToDisk, ARecordedRecipeIsRecordedAsItIs) {
  const TemporaryDirectory folder;
  ThreadPool pool(1);
  MergeToDiskOptions options;
  options.command_options = "--seed 8";
  const std::string recorded = "# vlm-merge merge recipe.yaml OUT_DIR --seed 7\n" + kRecipe;
  merge_to_disk(merge_zoo(8, {.recipe = recorded}), folder.path() / "out", options, pool);
  EXPECT_EQ(read_text_file(folder.path() / "out/recipe.yaml"),
            "# vlm-merge merge recipe.yaml OUT_DIR --seed 8\n" + kRecipe);
}

TEST(ModelCard, NamesModelsOfTheHubsCacheAsTheHubWantsIt) {
  const TemporaryDirectory folder;
  const auto cached = folder.path() / "models--org--name/snapshots/0";
  std::filesystem::create_directories(cached.parent_path());
  const auto zoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";
  std::filesystem::create_directory_symlink(zoo / "base-lm", cached);
  const auto open = [&](const std::string& name) {
    return FileCheckpoint::open(name == "org/name@main" ? cached : zoo / name);
  };
  const std::string recipe =
      "models: [{model: org/name@main}, {model: ja-lm}]\nmerge_method: linear\n"
      "parameters: {weight: 1}\n";
  EXPECT_THAT(model_card(make_merge_plan(parse_recipe(recipe, "r.yaml"), open), ""),
              testing::StartsWith("---\nbase_model:\n- org/name\nbase_model_relation: merge\n"
                                  "library_name: transformers\n"));
}

TEST(MergeToDisk, ExistingTargetIsLeftAlone) {
  const TemporaryDirectory folder;
  folder.add("out/precious.txt", "mine");
  ThreadPool pool(1);
  EXPECT_THROW(merge_to_disk(merge_zoo(1), folder.path() / "out", {}, pool), Error);
  EXPECT_EQ(read_text_file(folder.path() / "out/precious.txt"), "mine");
}

// What a run must have in common with one that it continues.
TEST(MergeIdentity, HoldsTheTokenizersByWhichRowsAreAligned) {
  const TemporaryDirectory folder;
  for (const char* const model : {"tok_a", "tok_b"}) {
    std::filesystem::copy(std::filesystem::path(VLM_TEST_DATA) / "merge/models" / model,
                          folder.path() / model);
  }
  const auto identity = [&] {
    ModelPool models = file_models(folder.path());
    return merge_identity(MergedCheckpoint(make_merge_plan(
        parse_recipe("models: [{model: tok_a}, {model: tok_b}]\nparameters: {weight: 1}\n"
                     "merge_method: linear\nbase_model: tok_a\ntokenizer: {source: union}\n",
                     "r.yaml"),
        models)));
  };
  const Json before = identity();
  EXPECT_EQ(identity(), before);
  const auto tokenizer = folder.path() / "tok_b" / "tokenizer.json";
  std::string text = read_text_file(tokenizer);
  const std::size_t first = text.find("\"w00\"");
  const std::size_t second = text.find("\"w01\"");
  text.replace(first, 5, "\"w01\"").replace(second, 5, "\"w00\"");
  write_file_atomically(tokenizer, text);
  EXPECT_NE(identity(), before);
}

}  // namespace
}  // namespace vlm
