#include "language/layer_path.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using ::testing::HasSubstr;

constexpr LayerPathKeys kKeys{"path", "scales", "of"};

LayerPath parse(const Json& json) {
  return parse_layer_path(JsonFields(json, "input.json"), kKeys);
}

std::string error_of(const Json& json) {
  return error_message([&] { parse(json); });
}

TEST(LayerPath, AbsentKeysGiveTheEmptyPath) {
  EXPECT_EQ(parse(Json::object()), LayerPath{});
}

TEST(LayerPath, ReadsLayersScalesAndWhatTheyMultiply) {
  const LayerPath plain{{{2, 1.0F}, {0, 1.0F}}, HopScaling::kStream};
  EXPECT_EQ(parse({{"path", {2, 0}}}), plain);
  const LayerPath scaled{{{2, 0.5F}, {0, -2.0F}}, HopScaling::kMlpOutput};
  EXPECT_EQ(parse({{"path", {2, 0}}, {"scales", {0.5, -2}}, {"of", "mlp"}}), scaled);
}

TEST(LayerPath, SenselessValuesAreRefusedByName) {
  EXPECT_THAT(error_of({{"path", 7}}), HasSubstr("path"));
  EXPECT_THAT(error_of({{"path", Json::array()}}), HasSubstr("path"));
  EXPECT_THAT(error_of({{"path", {0, "x"}}}), HasSubstr("path: \"x\""));
  EXPECT_THAT(error_of({{"path", {0.5}}}), HasSubstr("path: 0.5"));
  EXPECT_THAT(error_of({{"path", {-1}}}), HasSubstr("path: -1"));
  EXPECT_THAT(error_of({{"path", {1e30}}}), HasSubstr("path: 1e+30"));
  EXPECT_THAT(error_of({{"path", {0, 1}}, {"scales", {1}}}), HasSubstr("1 and 2"));
  EXPECT_THAT(error_of({{"scales", {1}}}), HasSubstr("1 and 0"));
  EXPECT_THAT(error_of({{"path", {0}}, {"of", "norm"}}), HasSubstr("of = norm"));
}

}  // namespace
}  // namespace vlm
