#include "vision/any_resolution.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "tests/error_message.h"
#include "tests/vision/golden_image.h"
#include "vision/image.h"

namespace vlm {
namespace {

using testing::HasSubstr;

Json anyres_cases() {
  return read_json_file(image_data() / "anyres/cases.json");
}

AnyResolutionConfig parse(const Json& pinpoints, std::size_t view_px) {
  const Json json{{"image_grid_pinpoints", pinpoints}};
  return AnyResolutionConfig::from_json(JsonFields(json, "config.json"), view_px);
}

ImageSize size_in(const Json& height_and_width) {
  return {height_and_width.at(0).get<std::size_t>(), height_and_width.at(1).get<std::size_t>()};
}

std::string message_of(const Json& pinpoints, std::size_t view_px = 336) {
  return error_message([&] { parse(pinpoints, view_px); });
}

// The pixel a value was made of.
int pixel_of(float value, std::size_t channel, const PreprocessConfig& config) {
  const double normalised = value * config.deviation.at(channel) + config.mean.at(channel);
  return static_cast<int>(std::lround(normalised * 255.0));
}

TEST(AnyResolution, ChoosesTheCanvasOfTransformersOnTheRealGrid) {
  const Json golden = anyres_cases();
  const AnyResolutionConfig config = parse(golden.at("real_pinpoints"), 336);
  const Json& selection = golden.at("selection");
  EXPECT_EQ(selection.size(), 40U);
  for (const Json& item : selection) {
    const ImageSize picture = size_in(item.at("image_size_hw"));
    const ImageSize canvas = config.best_canvas(picture);
    EXPECT_EQ(canvas, size_in(item.at("best_resolution_hw"))) << item;
    EXPECT_EQ(size_on_canvas(picture, canvas), size_in(item.at("resized_hw"))) << item;
  }
}

TEST(AnyResolution, PlacesPicturesOnTheirCanvasAsTransformersDoes) {
  ThreadPool pool(2);
  const Json golden = anyres_cases();
  const AnyResolutionConfig config = parse(golden.at("image_grid_pinpoints"), 48);
  for (const Json& item : golden.at("cases")) {
    const cv::Mat rgb =
        read_image(image_data() / item.at("input").get<std::string>(), ImagePolicy::kPillow);
    const ImageSize canvas = config.best_canvas(size_in(item.at("image_size_hw")));
    EXPECT_EQ(canvas, size_in(item.at("best_resolution_hw"))) << item;
    const cv::Mat placed = place_on_canvas(rgb, canvas, ResizeFilter::kBicubic, pool);
    const auto expected = item.at("padded").get<std::string>();
    EXPECT_EQ(max_difference(placed, read_expected_rgb(expected)), 0) << expected;
    EXPECT_EQ(config.num_views(size_in(item.at("image_size_hw"))), item.at("tiles")) << item;
  }
}

TEST(AnyResolution, ViewsEqualLlavaNextImageProcessorToTheLastBit) {
  ThreadPool pool(2);
  const Json golden = anyres_cases();
  const AnyResolutionConfig config = parse(golden.at("image_grid_pinpoints"), 48);
  for (const Json& item : golden.at("cases")) {
    const std::filesystem::path file = image_data() / item.at("pixel_values").get<std::string>();
    const cv::Mat rgb =
        read_image(image_data() / item.at("input").get<std::string>(), ImagePolicy::kPillow);
    const std::vector<PixelValues> views = preprocess_views(rgb, config, {}, pool);
    const SafetensorsFile tensors(file);
    const TensorView stored = tensors.view("pixel_values");
    ASSERT_EQ(stored.shape, (Shape{views.size(), 3, 48, 48})) << item;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const std::span<const float> found = views[i].values.values();
      std::vector<float> expected(found.size());
      read_floats(stored, i * expected.size(), expected);
      EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size_bytes()), 0)
          << "view " << i << " of " << item;
    }
  }
}

// Every fifth size between 1 and 3,000, in all combinations with a few others.
TEST(AnyResolution, AnyPictureFillsItsCanvasAlongOneSide) {
  const AnyResolutionConfig config = parse(anyres_cases().at("real_pinpoints"), 336);
  for (std::size_t height = 1; height < 3000; height += 5) {
    for (const std::size_t width : {1U, 2U, 37U, 335U, 336U, 337U, 1009U, 65535U}) {
      const ImageSize picture{height, width};
      const ImageSize canvas = config.best_canvas(picture);
      const ImageSize size = size_on_canvas(picture, canvas);
      EXPECT_GT(std::min(size.height_px, size.width_px), 0U) << height << "x" << width;
      EXPECT_LE(size.height_px, canvas.height_px) << height << "x" << width;
      EXPECT_LE(size.width_px, canvas.width_px) << height << "x" << width;
      EXPECT_TRUE(size.height_px == canvas.height_px || size.width_px == canvas.width_px)
          << height << "x" << width;
      EXPECT_LE(config.num_views(picture), config.max_views());
    }
  }
}

// Whole picture first, then the tiles row by row: a picture of one colour for each tile.
TEST(AnyResolution, TilesComeRowByRowBehindTheWholePicture) {
  ThreadPool pool(1);
  cv::Mat rgb(16, 16, CV_8UC3);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      rgb.at<cv::Vec3b>(y, x) = cv::Vec3b::all(static_cast<uchar>(10 * (y / 8) + x / 8));
    }
  }
  PreprocessConfig plain;
  plain.do_rescale = false;
  plain.do_normalize = false;
  const std::vector<PixelValues> views =
      preprocess_views(rgb, parse(Json::parse("[[16, 16]]"), 8), plain, pool);
  ASSERT_EQ(views.size(), 5U);
  const std::vector<float> expected{0, 1, 10, 11};
  for (std::size_t tile = 0; tile < 4; ++tile) {
    for (const float value : views[1 + tile].values.values()) EXPECT_EQ(value, expected[tile]);
  }
  EXPECT_EQ(views[0].values.row(0).front(), 0.0F);
  EXPECT_EQ(views[0].values.row(0).back(), 11.0F);
}

TEST(AnyResolution, AOnePixelHighPictureHasAllViewsAndAnOddMarginGoesBelow) {
  ThreadPool pool(1);
  const AnyResolutionConfig config = parse(Json::parse("[[8, 16]]"), 8);
  const cv::Mat line(1, 400, CV_8UC3, cv::Scalar::all(200));
  const cv::Mat placed = place_on_canvas(line, {8, 16}, ResizeFilter::kBicubic, pool);
  EXPECT_EQ(placed.at<cv::Vec3b>(3, 0), cv::Vec3b::all(200));  // 3 black rows above, 4 below
  EXPECT_EQ(placed.at<cv::Vec3b>(2, 0), cv::Vec3b::all(0));
  EXPECT_EQ(placed.at<cv::Vec3b>(4, 0), cv::Vec3b::all(0));
  const std::vector<PixelValues> views = preprocess_views(line, config, {}, pool);
  ASSERT_EQ(views.size(), 3U);
  EXPECT_EQ(pixel_of(views[0].values.row(1).front(), 1, {}), 200);
}

TEST(AnyResolution, WithoutPinpointsTheGridIsLlavaNextConfigs) {
  const Json empty = Json::object();
  const auto config = AnyResolutionConfig::from_json(JsonFields(empty, "config.json"), 336);
  EXPECT_EQ(config.canvases, AnyResolutionConfig{}.canvases);
  EXPECT_EQ(config.max_views(), 5U);
}

TEST(AnyResolution, RefusesAbsurdGrids) {
  EXPECT_THAT(message_of(Json::array()), HasSubstr("image_grid_pinpoints of 0 (a list of 1 to"));
  EXPECT_THAT(message_of("anyres_max_9"), HasSubstr("image_grid_pinpoints \"anyres_max_9\""));
  EXPECT_THAT(message_of(Json(std::vector<Json>(1025, {336, 336}))), HasSubstr("of 1025"));
  for (const char* bad :
       {"[336]", "[336, 336, 336]", "336", "[0, 336]", "[-336, 336]", "[336, 335]", "[336.0, 336]",
        "[\"336\", 336]", "[null, 336]", "[18446744073709551615, 336]", "[336, 21840]",
        "[3024, 3024]", "[9223372036854775808, 9223372036854775808]"}) {
    EXPECT_THAT(message_of(Json::array({Json::parse(bad)})),
                HasSubstr("in multiples of 336, 1 to 64 tiles"))
        << bad;
  }
  EXPECT_EQ(message_of(Json::parse("[[2688, 2688]]")), "no error");  // 64 tiles
  EXPECT_THAT(message_of(Json::parse("[[131072, 131072]]"), 16384),
              HasSubstr("at most 2^28 pixels"));
}

TEST(AnyResolution, RefusesAPictureTooLongForAView) {
  ThreadPool pool(1);
  const cv::Mat line(1'000'000, 1, CV_8UC3, cv::Scalar::all(0));
  try {
    preprocess_views(line, parse(Json::parse("[[336, 672]]"), 336), {}, pool);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("1x1000000 px would be resized to 336x336"));
  }
}

}  // namespace
}  // namespace vlm
