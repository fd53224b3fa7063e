#include "merge/adapter_plan.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json_fields.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/file_models.h"
#include "tests/merge/made_up_models.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = VLM_TEST_DATA;

const std::string kModels =
    "models:\n- {model: checkpoint/lora/attention, parameters: {weight: 1}}\n"
    "- {model: checkpoint/lora/patterns, parameters: {weight: 1}}\n";

AdapterPlan plan_of_adapters(const std::string& recipe) {
  ModelPool models = file_models();
  return plan_adapter_merge(parse_recipe(recipe, "r.yaml"), models);
}

std::string complaint_about(const std::string& recipe) {
  return message_of([&] { plan_of_adapters(recipe); });
}

bool merges_adapters(const std::string& recipe) {
  return vlm::merges_adapters(parse_recipe(recipe, "r.yaml"), file_models());
}

TEST(AdapterPlan, IsOfRecipesWhoseModelsAreAllAdapters) {
  EXPECT_TRUE(merges_adapters("merge_method: linear\n" + kModels));
  EXPECT_FALSE(merges_adapters("merge_method: linear\n" + kModels +
                               "- {model: merge/models/base, parameters: {weight: 1}}\n"));
  EXPECT_FALSE(merges_adapters(
      "merge_method: passthrough\nmodels: [{model: merge/models/base+checkpoint/lora/vlm}]\n"));
  EXPECT_FALSE(merges_adapters("merge_method: passthrough\nmodels: [{model: no/such}]\n"));
}

TEST(AdapterPlan, AModelWithAnAdapterConfigIsAModel) {
  const TemporaryDirectory folder;
  std::filesystem::copy(kData / "checkpoint/lora/attention", folder.path() / "both");
  const std::string recipe =
      "merge_method: passthrough\nmodels: [{model: " + (folder.path() / "both").string() + "}]\n";
  EXPECT_TRUE(merges_adapters(recipe));
  write_file_atomically(folder.path() / "both/config.json", "{}");
  EXPECT_FALSE(merges_adapters(recipe));
}

// 3 layers: q and v of the one, q, k and down of the other.
TEST(AdapterPlan, ChangesWhatAnyOfTheAdaptersChanges) {
  const AdapterPlan plan = plan_of_adapters("merge_method: linear\n" + kModels);
  EXPECT_EQ(plan.targets.size(), 3U * 4U);
  for (const TensorPlan& tensor : plan.deltas.tensors) {
    EXPECT_EQ(tensor.sources.size(), 2U) << tensor.output.name;
    EXPECT_EQ(tensor.num_layers, 3U);
  }
}

TEST(AdapterPlan, RanksAddUpUnlessTheRecipeCutsThem) {
  const AdapterPlan joined = plan_of_adapters("merge_method: linear\n" + kModels);
  const AdapterPlan cut = plan_of_adapters("adapter_rank: 5\nmerge_method: linear\n" + kModels);
  const AdapterPlan sparse = plan_of_adapters("merge_method: ties\n" + kModels);
  for (std::size_t i = 0; i < joined.targets.size(); ++i) {
    const std::string& name = joined.deltas.tensors[i].output.name;
    const std::size_t sum = joined.targets[i].rank;
    EXPECT_EQ(joined.targets[i].form, AdapterForm::kJoined) << name;
    EXPECT_EQ(cut.targets[i].form, sum > 5 ? AdapterForm::kCut : AdapterForm::kJoined) << name;
    EXPECT_EQ(cut.targets[i].rank, std::min<std::size_t>(sum, 5)) << name;
    EXPECT_EQ(sparse.targets[i].form, AdapterForm::kCut) << name;
    EXPECT_EQ(sparse.targets[i].rank, sum) << name;
  }
  EXPECT_EQ(joined.config.rank, 8U) << "the largest: q of 4 and 4, down of 8 in one layer";
}

TEST(AdapterPlan, RefusesKeysThatAreAboutModels) {
  const std::string recipe = "merge_method: linear\n" + kModels;
  for (const auto& [key, line] : {std::pair("vlm", "vlm: merge/vlm/models/vlm\n"),
                                  {"embeddings", "embeddings: {policy: base}\n"},
                                  {"tokenizer", "tokenizer_source: union\n"},
                                  {"chat_template", "chat_template: chatml\n"},
                                  {"unmatched", "unmatched: copy_base\n"}}) {
    EXPECT_THAT(complaint_about(recipe + line),
                HasSubstr("a merge of adapters has no '" + std::string(key) + "'"));
  }
  EXPECT_THAT(complaint_about("merge_method: passthrough\nslices:\n- sources: [{model: "
                              "checkpoint/lora/attention, layer_range: [0, 2]}]\n"),
              HasSubstr("has no 'slices'"));
}

TEST(AdapterPlan, RefusesMethodsThatNeedTheWeights) {
  for (const char* const method : {"slerp", "arcee_fusion", "dim3", "karcher"}) {
    EXPECT_THAT(complaint_about(std::string("merge_method: ") + method +
                                "\nmodels: [{model: checkpoint/lora/attention}]\nparameters: {" +
                                (method == std::string("slerp") ? "t: 0.5" : "") + "}\n"),
                testing::AllOf(HasSubstr("needs the weights of models"), HasSubstr(method)));
  }
}

// Multiples of a power of two, so that a model minus its base is exactly the delta.
Floats in_steps(const Floats& values, float step) {
  Floats rounded;
  for (const float value : values) rounded.push_back(std::round(value / step) * step);
  return rounded;
}

// How far base + m(deltas) is from m(models), m being the method.
double dependence_on_base(const MergeMethod& method) {
  constexpr std::size_t kElements = 64;
  Floats base = in_steps(random_values(kElements, "base"), 0x1p-6F);
  for (float& value : base) value *= 4;  // far from zeros, also for a softmax
  const Floats zeros(kElements, 0.0F);
  std::vector<Floats> deltas;
  std::vector<Floats> models;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, method.max_models); ++i) {
    deltas.push_back(in_steps(random_values(kElements, i == 0 ? "first" : "second"), 0x1p-10F));
    models.push_back(deltas.back());
    for (std::size_t k = 0; k < kElements; ++k) models.back()[k] += base[k];
  }
  const auto merge = [&](const std::vector<Floats>& values, const Floats& origin) {
    std::vector<Input> inputs;
    for (const Floats& each : values) inputs.push_back({each, {{"weight", 0.5}}});
    TensorMerge task =
        make_task(method, origin, inputs,
                  {{"t", 0.3}, {"alpha", 0.5}, {"beta", 0.2}, {"bottom", 1}, {"top", 1}}, {8, 8});
    if (method.base == BaseRole::kOrdinary) task.base = {};
    task.layer = 1;
    task.num_layers = 3;
    Floats out(kElements);
    ThreadPool alone(1);
    StartedMerge(method.start, task, alone).read(0, out);
    return out;
  };
  const Floats of_models = merge(models, base);
  const Floats of_deltas = merge(deltas, zeros);
  double largest = 0;
  for (std::size_t k = 0; k < kElements; ++k) {
    largest = std::max(largest, std::fabs(double{of_models[k]} - (double{base[k]} + of_deltas[k])));
  }
  return largest;
}

TEST(AdapterPlan, KnowsWhichMethodsNeedMoreThanDeltas) {
  for (const MergeMethod& method : merge_methods()) {
    const double dependence = dependence_on_base(method);
    if (merges_deltas(method)) {
      EXPECT_LE(dependence, 1e-5) << method.name << ": some roundings of values up to 16";
    } else {
      EXPECT_GE(dependence, 1e-2) << method.name;
    }
  }
}

TEST(AdapterPlan, RefusesMethodsThatNeedDeltasOfFullRank) {
  for (const char* const method : {"iso_c", "tsv_m"}) {
    EXPECT_THAT(complaint_about(std::string("merge_method: ") + method +
                                "\nmodels: [{model: checkpoint/lora/attention}]\n"),
                testing::AllOf(HasSubstr("all directions"), HasSubstr(method)));
  }
}

TEST(AdapterPlan, RefusesWhatOnlyABaseCouldTell) {
  const std::string recipe =
      "merge_method: task_arithmetic\nmodels:\n"
      "- {model: checkpoint/lora/embedding_and_head, parameters: {weight: 1}}\n";
  EXPECT_THAT(complaint_about(recipe),
              testing::AllOf(HasSubstr("saves a tensor whole"), HasSubstr("base_model"),
                             HasSubstr("embedding_and_head")));
  EXPECT_EQ(complaint_about(recipe + "base_model: merge/models/base\n"), "");
}

TEST(AdapterPlan, RefusesABaseThatTheAdaptersDoNotFit) {
  EXPECT_THAT(complaint_about("merge_method: task_arithmetic\nbase_model: "
                              "checkpoint/lora/base_with_bias\n" +
                              kModels),
              HasSubstr("adapter"));
}

// Copies of an adapter with another config.
class ChangedAdapter {
 public:
  explicit ChangedAdapter(const std::string& key, const Json& value) {
    std::filesystem::copy(kData / "checkpoint/lora/attention", path());
    Json config = read_json_file(path() / "adapter_config.json");
    config[key] = value;
    write_file_atomically(path() / "adapter_config.json", config.dump());
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "adapter"; }
  [[nodiscard]] std::string model() const {
    return "- {model: " + path().string() + ", parameters: {weight: 1}}\n";
  }

 private:
  TemporaryDirectory folder_;
};

TEST(AdapterPlan, RefusesAdaptersOfSeveralModelsUnlessTheRecipeSaysWhich) {
  const ChangedAdapter one("base_model_name_or_path", "org/one");
  const ChangedAdapter two("base_model_name_or_path", "org/two");
  const std::string recipe = "merge_method: linear\nmodels:\n" + one.model();
  EXPECT_THAT(complaint_about(recipe + two.model()),
              testing::AllOf(HasSubstr("org/one"), HasSubstr("org/two"), HasSubstr("base_model")));
  EXPECT_EQ(plan_of_adapters(recipe).config.base_name, "org/one");
  EXPECT_EQ(
      plan_of_adapters(recipe + two.model() + "base_model: merge/models/base\n").config.base_name,
      "merge/models/base");
}

TEST(AdapterPlan, KeepsATaskTypeThatAllHave) {
  const ChangedAdapter one("task_type", "CAUSAL_LM");
  const ChangedAdapter two("task_type", "CAUSAL_LM");
  const ChangedAdapter other("task_type", "FEATURE_EXTRACTION");
  const std::string recipe = "merge_method: linear\nmodels:\n" + one.model();
  EXPECT_EQ(plan_of_adapters(recipe + two.model()).config.task_type, "CAUSAL_LM");
  EXPECT_EQ(plan_of_adapters(recipe + other.model()).config.task_type, "");
}

TEST(AdapterPlan, RefusesAnAdapterThatIsListedTwice) {
  EXPECT_THAT(complaint_about("merge_method: linear\n" + kModels +
                              "- {model: checkpoint/../checkpoint/lora/attention, parameters: "
                              "{weight: 1}}\n"),
              HasSubstr("listed twice"));
}

TEST(AdapterPlan, RefusesDora) {
  const ChangedAdapter dora("use_dora", true);
  EXPECT_THAT(complaint_about("merge_method: linear\nmodels:\n" + dora.model()),
              HasSubstr("use_dora"));
}

TEST(AdapterPlan, RefusesAdaptersOfOtherShapes) {
  EXPECT_THAT(
      complaint_about("merge_method: linear\n" + kModels +
                      "- {model: checkpoint/lora/bias_of_b, parameters: {weight: 1}}\n"),
      testing::AllOf(HasSubstr("other shapes"), HasSubstr("q_proj"), HasSubstr("bias_of_b")));
}

TEST(AdapterPlan, RefusesAMergeThatChangesNothing) {
  EXPECT_THAT(complaint_about("merge_method: task_arithmetic\nmodels:\n"
                              "- {model: checkpoint/lora/attention, parameters: {weight: 0}}\n"),
              HasSubstr("would change no tensor"));
}

TEST(AdapterPlan, NamesTheAdapterThatLacksAParameter) {
  EXPECT_THAT(complaint_about("merge_method: linear\nmodels: [{model: checkpoint/lora/vlm}]\n"),
              testing::AllOf(HasSubstr("'weight' is missing"), HasSubstr("checkpoint/lora/vlm")));
}

TEST(AdapterPlan, AdapterRankIsOfAdaptersAlone) {
  EXPECT_THAT(message_of([] {
                plan_of(
                    "adapter_rank: 4\nmerge_method: linear\nmodels: [{model: a, parameters: "
                    "{weight: 1}}]\n",
                    {{"a", {}}});
              }),
              HasSubstr("adapter_rank"));
  EXPECT_THAT(complaint_about("adapter_rank: 0\nmerge_method: linear\n" + kModels),
              HasSubstr("at least 1"));
}

}  // namespace
}  // namespace vlm
