#include "merge/merged_config.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/checkpoint/temporary_directory.h"

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

TEST(MergedConfig, TextIsTheDonorsIfNothingChanges) {
  const TemporaryDirectory folder;
  const std::string text =
      "{\"vocab_size\": 5,  \"model_type\": \"qwen2\", \"num_hidden_layers\": 2, \"a\": {\"z\": 1, "
      "\"b\": 1e-05}}";
  const auto file = folder.add("config.json", text);
  const ModelConfig config = parse_model_config(Json::parse(text), "config.json");
  EXPECT_EQ(config_text(config, file), text);
  ConfigChanges changes;
  changes.num_layers = 3;
  changes.dtype = DType::kF16;
  EXPECT_EQ(
      config_text(change_config(config, changes), file),
      "{\n  \"vocab_size\": 5,\n  \"model_type\": \"qwen2\",\n  \"num_hidden_layers\": 3,\n"
      "  \"a\": {\n    \"z\": 1,\n    \"b\": 1e-05\n  },\n  \"torch_dtype\": \"float16\"\n}\n");
}

}  // namespace
}  // namespace vlm
