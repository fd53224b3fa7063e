// lines and layer_swap: methods whose factors follow from the layer.

#include <filesystem>

#include <gtest/gtest.h>

#include "merge/input_tensors.h"
#include "tests/merge/made_up_models.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

TEST(Lines, EqualsTheReference) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/methods/lines.json");
  const MergeMethod& method = find_merge_method("lines", "test");
  const std::size_t layers = golden.at("base").size();
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const Floats base = flatten(golden.at("base")[layer]);
    Floats values = flatten(golden.at("task_vectors")[layer]);
    for (std::size_t i = 0; i < base.size(); ++i) values[i] += base[i];
    const std::vector<Input> inputs{{values, {}}};
    TensorMerge task = make_task(method, base, inputs,
                                 {{"alpha", golden.at("alpha")}, {"beta", golden.at("beta")}});
    task.layer = layer;
    task.num_layers = layers;
    Floats out(base.size());
    ThreadPool alone(1);
    StartedMerge(method.start, task, alone).read(0, out);
    expect_near(out, flatten(golden.at("merged")[layer]), 1e-6);
  }
}

constexpr const char* kLines = R"(
models: [{model: a}]
merge_method: lines
base_model: base
parameters: {alpha: 0.25, beta: 0.5}
)";

TEST(Lines, OuterTensorsCountAsFirstAndLastLayer) {
  const MergedCheckpoint merged(
      plan_of(kLines, {{"base", {.value = 0, .layers = 3}}, {"a", {.value = 1, .layers = 3}}}));
  EXPECT_EQ(first_value(merged, "text/model.embed_tokens.weight"), 0.25F);
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 0.25F);
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 0.5F);
  EXPECT_EQ(first_value(merged, "text/model.layers.2.mlp.up_proj.weight"), 0.75F);
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 0.75F);
  EXPECT_EQ(first_value(merged, "text/lm_head.weight"), 0.75F);
}

TEST(Lines, ASingleLayerTakesAlpha) {
  const MergedCheckpoint merged(
      plan_of(kLines, {{"base", {.value = 0, .layers = 1}}, {"a", {.value = 1, .layers = 1}}}));
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 0.25F);
}

std::vector<float> swapped(const std::string& parameters, std::size_t layers) {
  const MergedCheckpoint merged(plan_of(
      "models: [{model: outer}, {model: inner}]\nmerge_method: layer_swap\nparameters: " +
          parameters,
      {{"outer", {.value = 0, .layers = layers}}, {"inner", {.value = 1, .layers = layers}}}));
  std::vector<float> values{first_value(merged, "text/model.embed_tokens.weight")};
  for (std::size_t i = 0; i < layers; ++i) {
    values.push_back(
        first_value(merged, layer_tensor_name(Component::kText, i, "mlp.up_proj.weight")));
  }
  values.push_back(first_value(merged, "text/lm_head.weight"));
  return values;
}

TEST(LayerSwap, PutsTheSecondModelsLayersBetweenThoseOfTheFirst) {
  using Shares = std::vector<float>;
  EXPECT_EQ(swapped("{bottom: 1, top: 2, transition: 0}", 6), (Shares{0, 0, 1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(swapped("{bottom: 1, top: 1}", 6), (Shares{0, 0, 0.5F, 1, 1, 0.5F, 0, 0}));
  EXPECT_EQ(swapped("{bottom: 0, top: 0, transition: 0}", 3), (Shares{0, 1, 1, 1, 0}));
  EXPECT_EQ(swapped("{bottom: 1, top: 0, transition: 2, blend: 0.25}", 4),
            (Shares{0, 0, 0.25F, 0.25F, 0.25F, 0}));
  EXPECT_EQ(swapped("{bottom: 9, top: 9}", 3), (Shares{0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace vlm
