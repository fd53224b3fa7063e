#include "language/rope_scaling.h"

#include <cmath>
#include <numbers>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tensor/rope.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using ::testing::HasSubstr;

constexpr double kTheta = 10000.0;
constexpr std::size_t kHeadDim = 16;

Json model_with(const Json& scaling) {
  return {{"max_position_embeddings", 64}, {"rope_scaling", scaling}};
}

RopeScaling parse(const Json& scaling, std::size_t head_dim = kHeadDim) {
  const Json json = model_with(scaling);
  return parse_rope_scaling(JsonFields(json, "config.json"), head_dim);
}

std::string error_of(const Json& scaling, std::size_t head_dim = kHeadDim) {
  return error_message([&] { parse(scaling, head_dim); });
}

std::vector<float> frequencies(const RopeScaling& scaling, std::size_t num_tokens = 0) {
  return scaled_inverse_frequencies(scaling, kTheta, kHeadDim, num_tokens);
}

TEST(RopeScaling, NoneAndDefaultChangeNothing) {
  const Json none = Json::object();
  EXPECT_EQ(parse_rope_scaling(JsonFields(none, "config.json"), kHeadDim), RopeScaling{});
  EXPECT_EQ(parse(nullptr), RopeScaling{});
  EXPECT_EQ(parse({{"rope_type", "default"}}), RopeScaling{});
  EXPECT_EQ(frequencies({}), rope_inverse_frequencies(kTheta, kHeadDim));
}

TEST(RopeScaling, BothSpellingsOfTheKindAreKnown) {
  const Json old{{"type", "linear"}, {"factor", 2}};
  const Json now{{"rope_type", "linear"}, {"factor", 2}};
  EXPECT_EQ(parse(old), parse(now));
  EXPECT_EQ(parse(now).kind, RopeScalingKind::kLinear);
}

TEST(RopeScaling, LinearDividesEveryFrequency) {
  const std::vector<float> plain = rope_inverse_frequencies(kTheta, kHeadDim);
  const std::vector<float> scaled = frequencies(parse({{"rope_type", "linear"}, {"factor", 4.0}}));
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(scaled[i], plain[i] / 4.0F);
}

TEST(RopeScaling, DynamicStretchesThetaBeyondTheContextOnly) {
  const RopeScaling scaling = parse({{"rope_type", "dynamic"}, {"factor", 2.0}});
  EXPECT_EQ(scaling.original_context, 64U);
  EXPECT_FALSE(scaling.depends_on_length(64));
  EXPECT_TRUE(scaling.depends_on_length(65));
  EXPECT_EQ(frequencies(scaling, 64), rope_inverse_frequencies(kTheta, kHeadDim));
  // 2 * 96 / 64 - 1 = 2
  const double stretched = kTheta * std::pow(2.0, 16.0 / 14.0);
  EXPECT_EQ(frequencies(scaling, 96), rope_inverse_frequencies(stretched, kHeadDim));
}

TEST(RopeScaling, Llama3KeepsHighDividesLowAndBlendsBetween) {
  const RopeScaling scaling = parse({{"rope_type", "llama3"},
                                     {"factor", 8.0},
                                     {"low_freq_factor", 1.0},
                                     {"high_freq_factor", 4.0},
                                     {"original_max_position_embeddings", 64}});
  const std::vector<float> plain = rope_inverse_frequencies(kTheta, kHeadDim);
  const std::vector<float> scaled = frequencies(scaling);
  // Wavelengths: 6.3 (below 64 / 4), 19.9 (between), 62.8 (between), 198.7 (above 64 / 1), ...
  EXPECT_EQ(scaled[0], plain[0]);
  for (const std::size_t i : {1U, 2U}) {
    const double smooth = (64.0 * plain[i] / (2.0 * std::numbers::pi) - 1.0) / 3.0;
    // A few roundings to float32.
    EXPECT_NEAR(scaled[i], plain[i] * (smooth + (1.0 - smooth) / 8.0), 1e-6 * plain[i]);
    EXPECT_LT(scaled[i], plain[i]);
    EXPECT_GT(scaled[i], plain[i] / 8.0F);
  }
  for (std::size_t i = 3; i < plain.size(); ++i) EXPECT_EQ(scaled[i], plain[i] / 8.0F);
}

TEST(RopeScaling, Llama3TakesTheModelsContextWhereTheScalingNamesNone) {
  const Json scaling{
      {"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
  EXPECT_EQ(parse(scaling).original_context, 64U);
  Json json = model_with(scaling);
  json["original_max_position_embeddings"] = 16;
  EXPECT_EQ(parse_rope_scaling(JsonFields(json, "config.json"), kHeadDim).original_context, 16U);
}

TEST(RopeScaling, BadNumbersAreRefusedByName) {
  EXPECT_THAT(error_of({{"rope_type", "linear"}}), HasSubstr("factor"));
  EXPECT_THAT(error_of({{"rope_type", "linear"}, {"factor", 0}}), HasSubstr("factor = 0"));
  EXPECT_THAT(error_of({{"rope_type", "dynamic"}, {"factor", -2}}), HasSubstr("factor = -2"));
  EXPECT_THAT(error_of({{"rope_type", "dynamic"}, {"factor", 2}}, 2), HasSubstr("head_dim = 2"));
  Json llama3{
      {"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 4}, {"high_freq_factor", 4}};
  EXPECT_THAT(error_of(llama3), HasSubstr("high_freq_factor"));
  llama3["low_freq_factor"] = 0;
  EXPECT_THAT(error_of(llama3), HasSubstr("low_freq_factor"));
  llama3["low_freq_factor"] = 1;
  llama3["original_max_position_embeddings"] = 0;
  EXPECT_THAT(error_of(llama3), HasSubstr("original_max_position_embeddings = 0"));
  EXPECT_THAT(error_of(7), HasSubstr("rope_scaling"));
}

TEST(RopeScaling, UnknownKindsAreNamed) {
  EXPECT_THAT(error_of({{"rope_type", "yarn"}, {"factor", 4}}), HasSubstr("rope_scaling = yarn"));
}

}  // namespace
}  // namespace vlm
