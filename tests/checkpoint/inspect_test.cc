#include "checkpoint/inspect.h"

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"

namespace vlm {
namespace {

TEST(Summarize, CountsABundledModel) {
  const auto models = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";
  const CheckpointSummary summary = summarize(*FileCheckpoint::open(models / "en-vlm"));
  EXPECT_EQ(summary.family, ModelFamily::kLlava);
  EXPECT_EQ(summary.architecture, "LlavaForConditionalGeneration");
  EXPECT_EQ(summary.num_layers, 6U);
  EXPECT_EQ(summary.hidden_size, 192U);
  EXPECT_EQ(summary.vocab_size, 2624U);
  ASSERT_EQ(summary.components.size(), 3U);
  const ComponentSummary& text = summary.components[0];
  EXPECT_EQ(text.name, "text");
  EXPECT_EQ(text.num_tensors, 57U);
  // 2 x vocabulary x hidden + 6 x (q, o, k, v, gate, up, down, 2 norms) + last norm
  EXPECT_EQ(text.num_parameters,
            2U * 2624U * 192U +
                6U * (2U * 192U * 192U + 2U * 64U * 192U + 3U * 512U * 192U + 2U * 192U) + 192U);
  EXPECT_EQ(text.size_bytes, 2 * text.num_parameters);
  EXPECT_EQ(text.tensors_of_dtype.at("BF16"), 57U);
  EXPECT_EQ(summary.components[2].name, "projector");
  EXPECT_EQ(summary.components[2].num_parameters, 2U * (192U * 192U + 192U));
}

}  // namespace
}  // namespace vlm
