#include "merge/merged_config.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

ModelConfig with_layers(Json config, std::size_t num_layers) {
  config.update({{"model_type", "qwen2"}, {"num_hidden_layers", 2}});
  ConfigChanges changes;
  changes.num_layers = num_layers;
  return change_config(parse_model_config(config, "config.json"), changes);
}

TEST(MergedConfig, LayerTypesThatAreAllEqualGrowWithTheLayers) {
  const ModelConfig config =
      with_layers({{"layer_types", {"full_attention", "full_attention"}}}, 3);
  const Json expected{"full_attention", "full_attention", "full_attention"};
  for (const Json& json : {config.json, config.original}) {
    EXPECT_EQ(json["num_hidden_layers"], 3);
    EXPECT_EQ(json["layer_types"], expected);
  }
}

TEST(MergedConfig, AStackOfLayersOfDifferentKindsIsRefused) {
  EXPECT_THROW(with_layers({{"layer_types", {"full_attention", "sliding_attention"}}}, 3), Error);
  EXPECT_THROW(with_layers({{"use_sliding_window", true}, {"max_window_layers", 1}}, 3), Error);
  EXPECT_NO_THROW(with_layers({{"use_sliding_window", false}, {"max_window_layers", 1}}, 3));
}

}  // namespace
}  // namespace vlm
