#include "projector/projector.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SelectFeatures, DefaultDropsEachImagesClassToken) {
  const std::vector<float> hidden{0, 1, 2, 10, 11, 12};  // two images of three tokens
  const MatrixView<const float> view(hidden, 6, 1);
  EXPECT_THAT(select_features(view, 3, FeatureSelection::kWithoutFirst).values(),
              ElementsAre(1, 2, 11, 12));
  EXPECT_THAT(select_features(view, 3, FeatureSelection::kAll).values(),
              ElementsAre(0, 1, 2, 10, 11, 12));
}

std::unique_ptr<WeightMatrix> weight_of(const std::vector<float>& values, std::size_t rows) {
  auto weight = make_weight(WeightFormat::kFloat32, rows, values.size() / rows);
  weight->fill([&](std::span<float> out) { std::ranges::copy(values, out.begin()); });
  return weight;
}

TEST(Project, IsLinearThenGeluThenLinear) {
  ThreadPool pool(1);
  const auto linear_1 = weight_of({1, 0, 0, 1, 1, 1}, 3);
  const std::vector<float> bias_1{0, 0, -1};
  const auto linear_2 = weight_of({1, 0, 0, 0, 1, 0, 0, 0, 1}, 3);
  const std::vector<float> bias_2{0, 0, 5};
  const ProjectorWeights weights{{linear_1.get(), bias_1}, LinearWeights{linear_2.get(), bias_2}};
  const std::vector<float> features{2, -1};
  const Matrix<float> out = project(MatrixView<const float>(features, 1, 2), weights, gelu, pool);
  const auto exact_gelu = [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); };
  ASSERT_EQ(out.cols(), 3U);
  EXPECT_NEAR(out.row(0)[0], exact_gelu(2), 1e-6);
  EXPECT_NEAR(out.row(0)[1], exact_gelu(-1), 1e-6);
  EXPECT_NEAR(out.row(0)[2], exact_gelu(0) + 5, 1e-6);
}

TEST(Project, OneLayerIsLinear) {
  ThreadPool pool(1);
  const auto linear = weight_of({1, 0, 0, 1, 1, 1}, 3);
  const std::vector<float> bias{0, 0, -1};
  const ProjectorWeights weights{{linear.get(), bias}, std::nullopt};
  EXPECT_EQ(weights.output_width(), 3U);
  const std::vector<float> features{2, -1};
  const Matrix<float> out = project(MatrixView<const float>(features, 1, 2), weights, gelu, pool);
  EXPECT_THAT(out.values(), ElementsAre(2, -1, 0));
}

TEST(Project, AnEmptyBiasIsNone) {
  ThreadPool pool(1);
  const std::vector<float> one{1};
  const auto identity = weight_of(one, 1);
  const Matrix<float> out =
      project(MatrixView<const float>(one, 1, 1),
              {{identity.get(), {}}, LinearWeights{identity.get(), {}}}, gelu, pool);
  EXPECT_NEAR(out.values()[0], 0.8413447F, 1e-6);
}

ProjectorConfig parse(const std::string& text) {
  const Json json = parse_json(text, "config.json");
  return ProjectorConfig::from_json(JsonFields(json, "config.json"));
}

std::string message_of(const std::string& text) {
  return error_message([&] { parse(text); });
}

TEST(ProjectorConfig, ReadsTheTopLevelOfALlavaConfig) {
  EXPECT_FALSE(parse(R"({"mm_projector_type": "mlp2x_gelu"})").is_linear);
  EXPECT_TRUE(parse(R"({"mm_projector_type": "linear"})").is_linear);
  EXPECT_EQ(parse("{}").vision_feature_layer, -2);
  EXPECT_EQ(parse(R"({"vision_feature_layer": -1})").vision_feature_layer, -1);
  EXPECT_EQ(parse(R"({"vision_feature_select_strategy": "full"})").selection,
            FeatureSelection::kAll);
}

TEST(ProjectorConfig, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message_of(R"({"projector_hidden_act": "relu"})"), HasSubstr("'relu'"));
  EXPECT_THAT(message_of(R"({"vision_feature_layer": [-2, -5]})"), HasSubstr("is a list"));
  EXPECT_THAT(message_of(R"({"vision_feature_layer": 1.5})"), HasSubstr("an integer"));
  EXPECT_THAT(message_of(R"({"vision_feature_select_strategy": "cls"})"),
              HasSubstr("'cls' (known: default, full)"));
}

}  // namespace
}  // namespace vlm
