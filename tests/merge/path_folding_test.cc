#include "merge/path_folding.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/component.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

// The factor that a tensor of a hop gets; 1 where nothing is said.
double factor(const ParameterSettings& settings, std::string_view tensor) {
  const auto scale = settings.find("scale");
  if (scale == settings.end()) return 1;
  return evaluate(scale->second, {.name = tensor, .layer = std::nullopt}).value_or(1);
}

double factor(const FoldedScales& folded, std::size_t hop, const std::string& suffix) {
  return factor(folded.layers[hop], "model.layers.0." + suffix);
}

const std::string kOutput = "self_attn.o_proj.weight";
const std::string kMlp = "mlp.down_proj.weight";
const std::string kNorm = "input_layernorm.weight";
const std::string kFinalNorm = "model.norm.weight";

// Before the hops the stream is 2, 2 * 3 and 2 * 3 * 0.5 times as large.
TEST(PathFolding, WhatABlockAddsIsDividedByTheProductOfTheScales) {
  const FoldedScales folded = fold_scales({2, 3, 0.5}, PathScaling::kStream, "r");
  ASSERT_EQ(folded.layers.size(), 3U);
  const double products[] = {2, 6, 3};
  for (std::size_t hop = 0; hop < 3; ++hop) {
    EXPECT_DOUBLE_EQ(factor(folded, hop, kOutput), 1 / products[hop]);
    EXPECT_DOUBLE_EQ(factor(folded, hop, kMlp), 1 / products[hop]);
  }
}

TEST(PathFolding, WhatReadsTheStreamStaysAsItIs) {
  const FoldedScales folded = fold_scales({2, 3}, PathScaling::kStream, "r");
  for (const char* const tensor : {"self_attn.q_proj.weight", "mlp.up_proj.weight",
                                   "mlp.gate_proj.weight", "input_layernorm.weight"}) {
    EXPECT_EQ(factor(folded, 1, tensor), 1) << tensor;
  }
  EXPECT_EQ(factor(folded.outer, kFinalNorm), 1);
  EXPECT_EQ(factor(folded.outer, "model.embed_tokens.weight"), 1);
}

// Only the first scale goes into the stream; the others into the MLP before them.
TEST(PathFolding, ScalesOfMlpsMultiplyTheMlpBefore) {
  const FoldedScales folded = fold_scales({2, 3, 0.5}, PathScaling::kMlpOutput, "r");
  const double of_mlp[] = {3.0 / 2, 0.5 / 2, 1.0 / 2};
  for (std::size_t hop = 0; hop < 3; ++hop) {
    EXPECT_DOUBLE_EQ(factor(folded, hop, kOutput), 0.5);
    EXPECT_DOUBLE_EQ(factor(folded, hop, kMlp), of_mlp[hop]);
  }
}

// RMSNorm of -x is minus that of x.
TEST(PathFolding, NormsChangeTheirSignWhereTheStreamHas) {
  const FoldedScales folded = fold_scales({1, -2, -1}, PathScaling::kStream, "r");
  EXPECT_EQ(factor(folded, 0, kNorm), 1);
  EXPECT_EQ(factor(folded, 1, kNorm), -1);
  EXPECT_EQ(factor(folded, 1, "post_attention_layernorm.weight"), -1);
  EXPECT_DOUBLE_EQ(factor(folded, 1, kOutput), -0.5);
  EXPECT_EQ(factor(folded, 2, kNorm), 1);
  EXPECT_EQ(factor(folded.outer, kFinalNorm), 1);
  EXPECT_EQ(factor(fold_scales({1, -2}, PathScaling::kStream, "r").outer, kFinalNorm), -1);
}

TEST(PathFolding, OnesChangeNothing) {
  for (const PathScaling scaling : {PathScaling::kStream, PathScaling::kMlpOutput}) {
    const FoldedScales folded = fold_scales({1, 1}, scaling, "r");
    for (const std::string& tensor : {kOutput, kMlp, kNorm}) {
      EXPECT_EQ(factor(folded, 1, tensor), 1) << tensor;
    }
    EXPECT_EQ(folding_warning({1, 1}, scaling), "");
  }
}

TEST(PathFolding, AStreamThatVanishesOrOverflowsIsRefusedWithItsHop) {
  const auto refusal = [](const std::vector<double>& scales, PathScaling scaling) {
    return message_of([&] { fold_scales(scales, scaling, "r.yaml"); });
  };
  EXPECT_THAT(refusal({1, 0, 2}, PathScaling::kStream),
              testing::AllOf(HasSubstr("r.yaml"), HasSubstr("up to hop 1"), HasSubstr("to 0"),
                             HasSubstr("evomistral")));
  EXPECT_THAT(refusal({1e20, 1e20}, PathScaling::kStream), HasSubstr("1e+40"));
  EXPECT_THAT(refusal({1e-20, 1e-20}, PathScaling::kStream), HasSubstr("1e-40"));
  EXPECT_EQ(refusal({1, 0, 2}, PathScaling::kMlpOutput), "") << "an MLP may be switched off";
}

TEST(PathFolding, WarnsBeyondAFactorOfTwoAndNamesTheWorstHop) {
  EXPECT_EQ(folding_warning({2, 0.5, 0.5}, PathScaling::kStream), "");
  EXPECT_EQ(folding_warning({-2}, PathScaling::kStream), "") << "a sign costs nothing";
  EXPECT_THAT(folding_warning({1, 3, 3, 0.5}, PathScaling::kStream),
              testing::AllOf(HasSubstr("before hop 2 is 9 times"), HasSubstr("rms_norm_eps")));
  EXPECT_THAT(folding_warning({1, 0.25}, PathScaling::kStream), HasSubstr("hop 1 is 0.25 times"));
  EXPECT_EQ(folding_warning({1, 100, 100}, PathScaling::kMlpOutput), "");
}

}  // namespace
}  // namespace vlm
