#include "merge/merge_origin.h"

#include <gtest/gtest.h>

#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

const std::string kTensor = "text/model.layers.1.mlp.up_proj.weight";

// A model whose tensors know where they are from.
class OriginCheckpoint final : public Checkpoint {
 public:
  OriginCheckpoint(std::string name, float value)
      : name_(std::move(name)), model_(make_up({.value = value})) {}

  [[nodiscard]] const ModelConfig& config() const override { return model_->config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override {
    return model_->tensors();
  }
  [[nodiscard]] const std::filesystem::path& directory() const override {
    return model_->directory();
  }
  void read(const TensorInfo& info, std::span<float> out) const override {
    model_->read(info, out);
  }
  [[nodiscard]] std::string origin(const TensorInfo& info) const override {
    return name_.empty() ? "" : name_ + " " + info.name;
  }

 private:
  std::string name_;  // "": it does not know
  std::shared_ptr<const Checkpoint> model_;
};

const std::string kBegin = "base_model: o\nmodels:\n- {model: a, parameters: {weight: ";
const std::string kRecipe =
    kBegin + "0.5}}\n- {model: b, parameters: {weight: 1}}\nmerge_method: task_arithmetic\n";

std::string origin_of(const std::string& recipe, const std::string& tensor = kTensor,
                      std::uint64_t seed = 0, const std::string& unknown = "") {
  const MergePlan plan =
      make_merge_plan(parse_recipe(recipe, "r.yaml"), [&](const std::string& name) {
        return std::make_shared<const OriginCheckpoint>(name == unknown ? "" : name, 1.0F);
      });
  for (const TensorPlan& each : plan.tensors) {
    if (each.output.name == tensor) return merge_origin(plan, each, seed);
  }
  return "no such tensor";
}

std::string with(const std::string& rest) {
  return kRecipe + rest;
}

TEST(MergeOrigin, TheSameMergeHasTheSameOrigin) {
  EXPECT_NE(origin_of(kRecipe), "");
  EXPECT_EQ(origin_of(kRecipe), origin_of(kRecipe));
  EXPECT_EQ(origin_of(kRecipe), origin_of(with("parameters: {lambda: 1}\n"))) << "the default";
}

// All that may change a value of it.
TEST(MergeOrigin, FollowsFromMethodParametersSeedTypeAndSources) {
  const std::string plain = origin_of(kRecipe);
  std::string other_method = kRecipe;
  other_method.replace(other_method.find("task_arithmetic"), 15, "dare_linear");
  EXPECT_NE(origin_of(other_method), plain);
  std::string other_model = kRecipe;
  other_model.replace(other_model.find("model: b"), 8, "model: c");
  EXPECT_NE(origin_of(other_model), plain);
  std::string other_weight = kRecipe;
  other_weight.replace(other_weight.find("0.5"), 3, "0.6");
  EXPECT_NE(origin_of(other_weight), plain);
  for (const char* const rest : {"parameters: {lambda: 2}\n", "dtype: bfloat16\n",
                                 "out_dtype: float16\n", "parameters: {normalize: true}\n"}) {
    EXPECT_NE(origin_of(with(rest)), plain) << rest;
  }
  EXPECT_NE(origin_of(kRecipe, kTensor, 1), plain);
  EXPECT_NE(origin_of(kRecipe, "text/model.layers.0.mlp.up_proj.weight"), plain);
}

TEST(MergeOrigin, ModelsInAnotherOrderAreAnotherMerge) {
  const std::string turned =
      "base_model: o\nmodels:\n- {model: b, parameters: {weight: 1}}\n- {model: a, parameters: "
      "{weight: 0.5}}\nmerge_method: task_arithmetic\n";
  EXPECT_NE(origin_of(turned), origin_of(kRecipe));
}

// A search merges such tensors once.
TEST(MergeOrigin, AParameterOfOtherTensorsDoesNotMatter) {
  const auto weighted = [](const std::string& of_layer_zero) {
    return kBegin + "[{filter: layers.0., value: " + of_layer_zero +
           "}, {value: 0.5}]}}\nmerge_method: task_arithmetic\n";
  };
  EXPECT_EQ(origin_of(weighted("1")), origin_of(weighted("2")));
  const std::string first = "text/model.layers.0.mlp.up_proj.weight";
  EXPECT_NE(origin_of(weighted("1"), first), origin_of(weighted("2"), first));
}

TEST(MergeOrigin, ACopyDependsOnItsSourceAlone) {
  const auto copy = [](const std::string& rest) {
    return "models: [{model: a}]\nmerge_method: passthrough\n" + rest;
  };
  EXPECT_EQ(origin_of(copy("")), origin_of(copy(""), kTensor, 7));
  EXPECT_NE(origin_of(copy("")), origin_of(copy("out_dtype: float16\n")));
}

TEST(MergeOrigin, IsUnknownIfThatOfASourceIs) {
  for (const char* const unknown : {"a", "b", "o"}) {
    EXPECT_EQ(origin_of(kRecipe, kTensor, 0, unknown), "") << unknown;
  }
}

// Its cut depends on all tensors.
TEST(MergeOrigin, IsUnknownForTrimsOfTheWholeModel) {
  const auto ties = [](const std::string& scope) {
    return kBegin + "0.5, density: 0.5}}\nmerge_method: ties\nparameters: {scope: " + scope + "}\n";
  };
  EXPECT_EQ(origin_of(ties("model")), "");
  EXPECT_NE(origin_of(ties("tensor")), "");
}

}  // namespace
}  // namespace vlm
