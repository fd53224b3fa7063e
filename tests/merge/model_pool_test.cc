#include "merge/model_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/file_models.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = VLM_TEST_DATA;

TEST(ModelPool, OpensAModelWithAnAdapterBesideTheRecipe) {
  ModelPool models = file_models();
  const std::string target = "text/model.layers.0.self_attn.q_proj.weight";
  const auto plain = models("merge/models/base");
  const auto adapted = models("merge/models/base+checkpoint/lora/attention");
  EXPECT_EQ(models("merge/models/base+checkpoint/lora/attention"), adapted);
  EXPECT_NE(read_all(*adapted, *adapted->find(target)), read_all(*plain, *plain->find(target)));
}

TEST(ModelPool, RefusesTwoAdaptersOfOneModel) {
  ModelPool models = file_models();
  EXPECT_THAT(message_of([&] { models("merge/models/base+a+b"); }), HasSubstr("one adapter"));
}

TEST(ModelPool, SaysThatAnAdapterIsMissing) {
  ModelPool models = file_models();
  EXPECT_THAT(message_of([&] { models("merge/models/base+no/such/adapter"); }),
              HasSubstr("no such adapter: no/such/adapter"));
  EXPECT_THAT(message_of([&] { models("merge/models/base+merge/models/base"); }),
              HasSubstr("no adapter_config.json in it"));
}

// tok_b's tokenizer is another, so that plans warn of it.
TEST(ModelPool, ASecondPlanReadsNoTokenizerAndIsThatOfANewPool) {
  const TemporaryDirectory folder;
  for (const char* const model : {"tok_a", "tok_b"}) {
    std::filesystem::copy(kData / "merge/models" / model, folder.path() / model);
  }
  const auto recipe = [](const std::string& weight) {
    return parse_recipe(
        "models:\n- {model: tok_a}\n- {model: tok_b, parameters: {weight: " + weight +
            "}}\nmerge_method: linear\nparameters: {weight: 0.5}\n"
            "embeddings: {policy: base}\n",
        "r.yaml");
  };
  ModelPool models = file_models(folder.path());
  ModelPool others = file_models(folder.path());
  make_merge_plan(recipe("0.5"), models);
  const MergedCheckpoint wanted(make_merge_plan(recipe("0.25"), others));
  folder.add("tok_b/tokenizer.json", "no tokenizer");
  const MergedCheckpoint second(make_merge_plan(recipe("0.25"), models));
  EXPECT_THAT(second.plan().warnings, testing::Contains(HasSubstr("token tables differ")));
  EXPECT_EQ(second.plan().warnings, wanted.plan().warnings);
  for (const TensorInfo& info : wanted.tensors()) {
    EXPECT_EQ(read_all(second, *second.find(info.name)), read_all(wanted, info)) << info.name;
  }
  ModelPool late = file_models(folder.path());
  EXPECT_THAT(make_merge_plan(recipe("0.25"), late).warnings,
              testing::Contains(HasSubstr("token tables were not compared")));
}

TEST(ModelPool, ASecondPlanWithATokenizerAlignsNothingAndIsThatOfANewPool) {
  const TemporaryDirectory folder;
  for (const char* const model : {"tok_a", "tok_b"}) {
    std::filesystem::copy(kData / "merge/models" / model, folder.path() / model);
  }
  const auto recipe = [](const std::string& weight, const std::string& source) {
    return parse_recipe("models:\n- {model: tok_a}\n- {model: tok_b, parameters: {weight: " +
                            weight + "}}\nmerge_method: linear\nparameters: {weight: 0.5}\n" +
                            "tokenizer_source: " + source + "\n",
                        "r.yaml");
  };
  ModelPool models = file_models(folder.path());
  ModelPool others = file_models(folder.path());
  const MergePlan first = make_merge_plan(recipe("0.5", "union"), models);
  const MergedCheckpoint wanted(make_merge_plan(recipe("0.25", "union"), others));
  folder.add("tok_b/tokenizer.json", "no tokenizer");
  const MergedCheckpoint second(make_merge_plan(recipe("0.25", "union"), models));
  EXPECT_EQ(second.plan().inputs, first.inputs);  // the same objects, which a SourceCache knows
  EXPECT_EQ(second.config().original, wanted.config().original);
  EXPECT_EQ(second.plan().side_files.written, wanted.plan().side_files.written);
  for (const TensorInfo& info : wanted.tensors()) {
    EXPECT_EQ(read_all(second, *second.find(info.name)), read_all(wanted, info)) << info.name;
  }
  EXPECT_THROW(make_merge_plan(recipe("0.25", "base"), models), Error);  // another rule
}

// An adapted model keeps its base's directory, but is a model of its own.
TEST(ModelPool, AnAdaptedModelMergesWithItsBase) {
  ModelPool models = file_models();
  const Recipe recipe = parse_recipe(
      "models:\n- {model: merge/models/base+checkpoint/lora/attention, parameters: {weight: 0.5}}\n"
      "merge_method: task_arithmetic\nbase_model: merge/models/base\n",
      "r.yaml");
  const MergedCheckpoint merged(make_merge_plan(recipe, models));
  const auto base = models("merge/models/base");
  const auto adapted = models("merge/models/base+checkpoint/lora/attention");
  for (const TensorInfo& info : merged.tensors()) {
    const std::vector<float> values = read_all(merged, info);
    const std::vector<float> a = read_all(*base, *base->find(info.name));
    const std::vector<float> b = read_all(*adapted, *adapted->find(info.name));
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(values[i], (a[i] + b[i]) / 2, 1e-6) << info.name;
    }
  }
}

}  // namespace
}  // namespace vlm
