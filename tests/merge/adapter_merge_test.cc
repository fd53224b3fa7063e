#include "merge/adapter_merge.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/adapted_checkpoint.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/file_models.h"
#include "tests/merge/large_adapters.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = VLM_TEST_DATA;

// Of one rounding each of the values, at most 4, that the two ways of merging differ in: the sum of
// three models, its division, the base's addition.
constexpr double kFewRoundings = 2e-6;

// The adapters of tests/data/checkpoint/lora, all of merge/models/base.
struct Adapter {
  std::string name;
  std::string parameters;
};

std::string recipe_of(const std::string& method, const std::vector<Adapter>& adapters,
                      const std::string& rest, bool as_models) {
  std::string text = "merge_method: " + method + "\nmodels:\n";
  for (const Adapter& adapter : adapters) {
    const std::string base = as_models ? "merge/models/base+" : "";
    text += "- {model: " + base + "checkpoint/lora/" + adapter.name + ", parameters: {" +
            adapter.parameters + "}}\n";
  }
  return text + rest;
}

AdapterReport merge(const std::string& recipe, const std::filesystem::path& target,
                    std::uint64_t seed = 0, std::size_t threads = 1) {
  ModelPool models = file_models();
  ThreadPool pool(threads);
  AdapterMergeOptions options;
  options.seed = seed;
  return merge_adapters(plan_adapter_merge(parse_recipe(recipe, "r.yaml"), models), target, options,
                        pool);
}

std::shared_ptr<const Checkpoint> adapted(const std::string& base,
                                          const std::filesystem::path& adapter) {
  return std::make_shared<const AdaptedCheckpoint>(FileCheckpoint::open(kData / base),
                                                   std::make_shared<const LoraAdapter>(adapter));
}

// How far base + merged adapter is from the merge of the models base + adapter.
double distance_of_ways(const std::string& method, const std::vector<Adapter>& adapters,
                        const std::string& rest, const std::string& only_adapters = "",
                        const std::string& base = "base_model: merge/models/base\n") {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "merged";
  merge(recipe_of(method, adapters, rest + only_adapters, false), target, 7);
  ModelPool models = file_models();
  const MergedCheckpoint wanted(
      make_merge_plan(parse_recipe(recipe_of(method, adapters, rest + base, true), "r.yaml"),
                      models),
      {.seed = 7, .cache = nullptr});
  return largest_difference(wanted, *adapted("merge/models/base", target));
}

const std::vector<Adapter> kWeighted{
    {"attention", "weight: 0.5"}, {"patterns", "weight: -0.3"}, {"fan_in_fan_out", "weight: 0.9"}};

TEST(AdapterMerge, LinearIsTheMergeOfTheAdaptedModels) {
  EXPECT_LE(distance_of_ways("linear", kWeighted, "", "", ""), kFewRoundings);
}

TEST(AdapterMerge, TaskArithmeticIsTheMergeOfTheAdaptedModels) {
  EXPECT_LE(distance_of_ways("task_arithmetic", kWeighted, "parameters: {lambda: 0.7}\n"),
            kFewRoundings);
  EXPECT_LE(distance_of_ways("task_arithmetic", kWeighted, "parameters: {normalize: true}\n"),
            kFewRoundings);
}

// Layers and gradients are counted alike.
TEST(AdapterMerge, FiltersAndGradientsSelectWhatTheySelectInModels) {
  const std::vector<Adapter> adapters{
      {"attention", "weight: [{filter: q_proj, value: [0.1, 0.9]}, {value: 0.4}]"},
      {"fan_in_fan_out", "weight: [{layers: [1, 2], value: 0.3}, {value: 0.6}]"}};
  EXPECT_LE(distance_of_ways("task_arithmetic", adapters, ""), kFewRoundings);
}

// All directions are kept (matrices of 32 by 32 and more), so nothing is cut off.
TEST(AdapterMerge, EveryMethodOfDeltasIsTheMergeOfTheAdaptedModels) {
  const std::vector<Adapter> sparse{{"attention", "weight: 0.5, density: 0.4"},
                                    {"patterns", "weight: -0.3, density: 0.6"},
                                    {"fan_in_fan_out", "weight: 0.9, density: 0.5"}};
  const std::vector<Adapter> plain{{"attention", ""}, {"patterns", ""}, {"fan_in_fan_out", ""}};
  const std::vector<Adapter> two{{"attention", "weight: 0.5"}, {"patterns", "weight: 0.7"}};
  const std::string rank = "adapter_rank: 64\n";
  for (const char* const method : {"ties", "dare_ties", "dare_linear", "della", "breadcrumbs"}) {
    EXPECT_LE(distance_of_ways(method, sparse, "", rank), 2e-5) << method;
  }
  for (const char* const method : {"model_stock", "sce", "ram", "pcb"}) {
    EXPECT_LE(distance_of_ways(method, plain, "", rank), 2e-5) << method;
  }
  EXPECT_LE(distance_of_ways("nuslerp", two, "", rank), 2e-5);
}

// A trim of the whole model is one of the tensors that the adapter adapts: of the others, which
// other adapters may adapt, nothing could be kept.
TEST(AdapterMerge, ScopeModelCountsTheTensorsThatAnAdapterAdapts) {
  const std::string ties =
      "merge_method: ties\nmodels:\n- {model: checkpoint/lora/attention, "
      "parameters: {weight: 1, density: 0.5}}\n";
  const std::string rest = "parameters: {scope: model}\nadapter_rank: 64\n";
  const std::string other = "- {model: checkpoint/lora/patterns, parameters: {weight: 0}}\n";
  const LoraAdapter all(kData / "checkpoint/lora/attention");
  const auto base = FileCheckpoint::open(kData / "merge/models/base");
  for (const std::string& recipe : {ties + rest, ties + other + rest}) {
    const TemporaryDirectory folder;
    merge(recipe, folder.path() / "half");
    const auto half = adapted("merge/models/base", folder.path() / "half");
    std::size_t kept = 0;
    std::size_t count = 0;
    for (const LoraUpdate& update : all.updates()) {
      const std::vector<float> w = read_all(*base, *base->find(update.target));
      const std::vector<float> x = read_all(*half, *half->find(update.target));
      count += w.size();
      for (std::size_t i = 0; i < w.size(); ++i) {
        kept += std::fabs(double{x[i]} - double{w[i]}) > 1e-5 ? 1 : 0;  // beyond roundings
      }
    }
    EXPECT_NEAR(static_cast<double>(kept), static_cast<double>(count) / 2, 2) << recipe;
  }
}

TEST(AdapterMerge, LinearProductsStandSideBySide) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "merged";
  const AdapterReport report = merge(recipe_of("linear", kWeighted, "", false), target);
  const LoraAdapter merged(target);
  for (const LoraUpdate& update : merged.updates()) {
    const std::string& name = update.target;
    const bool is_query = name.find("q_proj") != std::string::npos;
    const std::size_t of_patterns = name.find("layers.1.") == std::string::npos ? 4 : 2;
    if (is_query) {
      EXPECT_EQ(update.a.shape.front(), 4 + of_patterns + 2) << name;
    } else if (name.find("v_proj") != std::string::npos) {
      EXPECT_EQ(update.a.shape.front(), 4U) << name;
    }
    EXPECT_EQ(update.scale, 1.0);
  }
  for (const AdaptedKind& kind : report.kinds) EXPECT_EQ(kind.largest_error, 0) << kind.name;
}

TEST(AdapterMerge, AnAdapterOfWeightZeroAddsNoRank) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "merged";
  merge(
      recipe_of("linear", {{"attention", "weight: 1"}, {"fan_in_fan_out", "weight: 0"}}, "", false),
      target);
  const LoraAdapter merged(target);
  for (const LoraUpdate& update : merged.updates()) {
    EXPECT_EQ(update.a.shape.front(), 4U) << update.target;
    EXPECT_EQ(update.target.find("up_proj"), std::string::npos);
  }
}

// sum of squares of what is cut off: Eckart and Young, within the accuracy of the random
// projection.
TEST(AdapterMerge, ALowerRankLosesWhatTheReportSays) {
  const TemporaryDirectory folder;
  merge(recipe_of("linear", kWeighted, "", false), folder.path() / "exact");
  const auto exact = adapted("merge/models/base", folder.path() / "exact");
  double before = 1;
  for (const char* const rank : {"1", "3", "6"}) {
    const auto target = folder.path() / rank;
    const AdapterReport report = merge(
        recipe_of("linear", kWeighted, std::string("adapter_rank: ") + rank + "\n", false), target);
    const auto cut = adapted("merge/models/base", target);
    const auto base = FileCheckpoint::open(kData / "merge/models/base");
    double lost = 0;
    double all = 0;
    for (const TensorInfo& info : base->tensors()) {
      if (info.name.find("q_proj") == std::string::npos) continue;
      const std::vector<float> w = read_all(*base, info);
      const std::vector<float> x = read_all(*exact, *exact->find(info.name));
      const std::vector<float> y = read_all(*cut, *cut->find(info.name));
      for (std::size_t i = 0; i < x.size(); ++i) {
        lost += std::pow(double{x[i]} - double{y[i]}, 2);
        all += std::pow(double{x[i]} - double{w[i]}, 2);
      }
    }
    ASSERT_EQ(report.kinds.front().name, "self_attn.q_proj");
    EXPECT_NEAR(report.kinds.front().relative_error, std::sqrt(lost / all), 1e-5);
    EXPECT_LT(report.kinds.front().relative_error, before);
    before = report.kinds.front().relative_error;
  }
}

// embedding_and_head adapts the embedding, and saves head and final norm whole.
TEST(AdapterMerge, WhatIsSavedWholeIsMergedWithTheBase) {
  const std::vector<Adapter> adapters{{"embedding_and_head", "weight: 0.6"},
                                      {"attention", "weight: 0.8"}};
  const std::string base = "base_model: merge/models/base\n";
  EXPECT_LE(distance_of_ways("task_arithmetic", adapters, base, "", ""), kFewRoundings);
  const std::vector<Adapter> sparse{{"embedding_and_head", "weight: 0.6, density: 0.5"},
                                    {"attention", "weight: 0.8, density: 0.5"}};
  EXPECT_LE(distance_of_ways("ties", sparse, base, "adapter_rank: 64\n", ""), 2e-5);
  const TemporaryDirectory folder;
  const AdapterReport report =
      merge(recipe_of("task_arithmetic", adapters, base, false), folder.path() / "merged");
  EXPECT_THAT(report.saved_whole, testing::Contains("text/lm_head"));
}

TEST(AdapterMerge, BiasesOfBAreMerged) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "merged";
  merge(
      "merge_method: passthrough\nmodels:\n- {model: checkpoint/lora/bias_of_b, parameters: "
      "{scale: -0.5}}\n",
      target);
  const auto base = FileCheckpoint::open(kData / "checkpoint/lora/base_with_bias");
  const auto once = adapted("checkpoint/lora/base_with_bias", kData / "checkpoint/lora/bias_of_b");
  const auto merged = adapted("checkpoint/lora/base_with_bias", target);
  for (const TensorInfo& info : base->tensors()) {
    const std::vector<float> w = read_all(*base, info);
    const std::vector<float> x = read_all(*once, *once->find(info.name));
    const std::vector<float> y = read_all(*merged, *merged->find(info.name));
    for (std::size_t i = 0; i < w.size(); ++i) {
      ASSERT_NEAR(y[i], w[i] - 0.5 * (double{x[i]} - double{w[i]}), 1e-6) << info.name;
    }
  }
}

// Of the embedding: rows by width, adapted by the transpose of the product.
TEST(AdapterMerge, AnAdapterOfAVlmKeepsItsNames) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "merged";
  merge("merge_method: passthrough\nmodels: [{model: checkpoint/lora/vlm}]\n", target);
  EXPECT_LE(largest_difference(*adapted("merge/vlm/models/vlm", kData / "checkpoint/lora/vlm"),
                               *adapted("merge/vlm/models/vlm", target)),
            kFewRoundings);
  const LoraAdapter before(kData / "checkpoint/lora/vlm");
  const LoraAdapter after(target);
  ASSERT_EQ(after.updates().size(), before.updates().size());
  for (std::size_t i = 0; i < after.updates().size(); ++i) {
    EXPECT_EQ(after.updates()[i].disk_name, before.updates()[i].disk_name);
  }
}

TEST(AdapterMerge, MergesAllPartsOfWhatIsSavedWhole) {
  const LargeAdapters adapters;
  const TemporaryDirectory folder;
  ModelPool models = adapters.models();
  ThreadPool pool(3);
  merge_adapters(plan_adapter_merge(parse_recipe(LargeAdapters::kRecipe, "r.yaml"), models),
                 folder.path() / "merged", {}, pool);
  const LoraAdapter merged(folder.path() / "merged");
  ASSERT_EQ(merged.updates().size(), 2U);
  const std::vector<float> before = large_values(1);
  const std::vector<float> one = large_values(0.3F);
  const std::vector<float> other = large_values(0.7F);
  for (const LoraUpdate& update : merged.updates()) {
    const std::vector<float> found = floats_of(update.a);
    ASSERT_EQ(found.size(), before.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double delta = 0.5 * (double{one[i]} - double{before[i]}) +
                           0.25 * (double{other[i]} - double{before[i]});
      ASSERT_NEAR(found[i], before[i] + delta, kFewRoundings) << update.target << ' ' << i;
    }
  }
}

TEST(AdapterMerge, ThreadsDoNotChangeTheBytes) {
  const TemporaryDirectory folder;
  const std::string recipe = recipe_of("ties", kWeighted, "adapter_rank: 3\n", false);
  merge(recipe, folder.path() / "one", 5, 1);
  merge(recipe, folder.path() / "three", 5, 3);
  for (const char* const file : {"adapter_model.safetensors", "adapter_config.json"}) {
    EXPECT_EQ(read_text_file(folder.path() / "one" / file),
              read_text_file(folder.path() / "three" / file));
  }
}

TEST(AdapterMerge, ValuesHaveTheTypeThatTheRecipeNames) {
  const TemporaryDirectory folder;
  merge(recipe_of("linear", kWeighted, "out_dtype: bfloat16\n", false), folder.path() / "merged");
  const LoraAdapter merged(folder.path() / "merged");
  for (const LoraUpdate& update : merged.updates()) {
    EXPECT_EQ(update.a.dtype, DType::kBF16) << update.target;
  }
}

TEST(AdapterMerge, RefusesValuesThatAreNotFinite) {
  const TemporaryDirectory folder;
  const auto broken = folder.path() / "broken";
  std::filesystem::copy(kData / "checkpoint/lora/attention", broken);
  std::string bytes = read_text_file(broken / "adapter_model.safetensors");
  const float infinite = std::numeric_limits<float>::infinity();
  std::memcpy(bytes.data() + bytes.size() - sizeof(float), &infinite, sizeof(float));
  write_file_atomically(broken / "adapter_model.safetensors", bytes);
  for (const char* const method : {"task_arithmetic", "ties"}) {
    const std::string recipe = std::string("merge_method: ") + method +
                               "\nmodels:\n- {model: " + broken.string() +
                               ", parameters: {weight: 1}}\n";
    EXPECT_THAT(message_of([&] { merge(recipe, folder.path() / "merged"); }),
                testing::AllOf(HasSubstr("not a number"), HasSubstr("v_proj"), HasSubstr("inf")));
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "merged"));
}

TEST(AdapterMerge, RefusesWhatDoesNotFitIntoItsType) {
  const TemporaryDirectory folder;
  for (const char* const method : {"linear", "ties"}) {  // joined, and cut
    const std::string recipe = std::string("merge_method: ") + method +
                               "\nmodels:\n- {model: checkpoint/lora/attention, parameters: "
                               "{weight: 1e30}}\nparameters: {normalize: false}\n"
                               "out_dtype: float16\n";
    EXPECT_THAT(message_of([&] { merge(recipe, folder.path() / "merged"); }),
                testing::AllOf(HasSubstr("does not fit into float16"), HasSubstr(": element ")))
        << method;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "merged"));
}

TEST(AdapterMerge, WritesTheRecipeBeside) {
  const TemporaryDirectory folder;
  const std::string recipe = recipe_of("linear", kWeighted, "", false);
  merge(recipe, folder.path() / "merged");
  EXPECT_EQ(read_text_file(folder.path() / "merged/recipe.yaml"), recipe);
}

}  // namespace
}  // namespace vlm
