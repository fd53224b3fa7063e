#include "vision/preprocess.h"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"
#include "tests/vision/golden_image.h"
#include "vision/image.h"

namespace vlm {
namespace {

using testing::HasSubstr;

PreprocessConfig clip_config(std::size_t edge_px) {
  PreprocessConfig config;
  config.shortest_edge_px = edge_px;
  config.crop_to = {edge_px, edge_px};
  return config;
}

void expect_same_bits(std::span<const float> values, std::span<const float> expected,
                      const std::string& what) {
  ASSERT_EQ(values.size(), expected.size()) << what;
  EXPECT_EQ(std::memcmp(values.data(), expected.data(), values.size_bytes()), 0) << what;
}

// The pixels the processor saw. CMYK is taken from Pillow's own pixels: image.h tells why.
cv::Mat input_of(const Json& image, bool turned_by_exif) {
  const auto input = image.at("input").get<std::string>();
  if (input == "input/cmyk.jpg") return read_expected_rgb("input/cmyk.rgb.png");
  return read_image(image_data() / input,
                    turned_by_exif ? ImagePolicy::kViewer : ImagePolicy::kPillow);
}

TEST(Preprocess, EqualsClipImageProcessorToTheLastBit) {
  ThreadPool pool(2);
  int compared = 0;
  const Json cases = read_image_cases();
  for (const Json& image : cases.at("cases")) {
    for (const Json& clip : image.at("clip")) {
      const cv::Mat rgb = input_of(image, clip.at("exif_transposed_before").get<bool>());
      const auto config = clip_config(clip.at("shortest_edge").get<std::size_t>());
      const auto name = clip.at("resized").get<std::string>();
      const ImageSize size = shortest_edge_size(
          {static_cast<std::size_t>(rgb.rows), static_cast<std::size_t>(rgb.cols)},
          *config.shortest_edge_px);
      const cv::Mat resized = resize_image(rgb, size.width_px, size.height_px, config.filter, pool);
      EXPECT_EQ(max_difference(resized, read_expected_rgb(name)), 0) << name;
      const PixelValues values = preprocess(rgb, config, pool);
      if (clip.contains("tensor")) {
        std::string file = clip.at("tensor").get<std::string>();
        file.replace(file.find(".safetensors"), std::string::npos, ".f32");
        expect_same_bits(values.values.values(), read_floats_file(file), file);
        ++compared;
      } else {
        for (const Json& sample : clip.at("sample")) {
          EXPECT_EQ(values.values.values()[sample[0].get<std::size_t>()], sample[1].get<float>());
        }
      }
    }
  }
  EXPECT_EQ(compared, 16);
}

TEST(Preprocess, LongSideIsRoundedDown) {
  const Json cases = read_image_cases();
  for (const Json& example : cases.at("shortest_edge")) {
    const auto size = example.at("size_hw").get<std::vector<std::size_t>>();
    if (size[0] == 1) continue;  // transformers takes height 1 for a channel count; we do not
    const auto expected = example.at("resized_hw").get<std::vector<std::size_t>>();
    EXPECT_EQ(shortest_edge_size({size[0], size[1]}, example.at("shortest_edge")),
              (ImageSize{expected[0], expected[1]}));
  }
}

TEST(Preprocess, CenterCropFollowsTransformers) {
  const Json cases = read_image_cases();
  for (const Json& example : cases.at("center_crop")) {
    const auto input = example.at("input_hw").get<std::vector<int>>();
    const auto crop = example.at("crop_hw").get<std::vector<std::size_t>>();
    cv::Mat image(input[0], input[1], CV_8UC1);
    for (int i = 0; i < input[0] * input[1]; ++i) {
      image.at<std::uint8_t>(i / input[1], i % input[1]) = static_cast<std::uint8_t>(i + 1);
    }
    const cv::Mat out = center_crop(image, {crop[0], crop[1]});
    std::vector<std::vector<int>> rows;
    for (int y = 0; y < out.rows; ++y) {
      rows.emplace_back(out.ptr(y), out.ptr(y) + out.cols);
    }
    EXPECT_EQ(rows, example.at("expected_rows").get<std::vector<std::vector<int>>>());
  }
}

TEST(Preprocess, WithoutAnyStepGivesThePixels) {
  ThreadPool pool(1);
  PreprocessConfig config;
  config.do_resize = config.do_center_crop = config.do_rescale = config.do_normalize = false;
  const cv::Mat rgb(1, 2, CV_8UC3, cv::Scalar(1, 2, 3));
  const PixelValues values = preprocess(rgb, config, pool);
  EXPECT_THAT(values.values.values(), testing::ElementsAre(1, 1, 2, 2, 3, 3));
}

TEST(Preprocess, RefusesAnImageThatWouldGrowWithoutBound) {
  ThreadPool pool(1);
  const cv::Mat wide(1, 2'000'000, CV_8UC3, cv::Scalar(1, 2, 3));
  EXPECT_THROW(preprocess(wide, clip_config(336), pool), Error);
  PreprocessConfig square = clip_config(336);
  square.shortest_edge_px.reset();
  square.resize_to = {336, 336};
  const cv::Mat tall(2'000'000, 1, CV_8UC3, cv::Scalar(1, 2, 3));
  EXPECT_THROW(preprocess(tall, square, pool), Error);
}

PreprocessConfig parse(const std::string& text) {
  const Json json = parse_json(text, "preprocessor_config.json");
  return PreprocessConfig::from_json(JsonFields(json, "preprocessor_config.json"));
}

std::string message_of(const std::string& text) {
  return error_message([&] { parse(text); });
}

TEST(PreprocessConfig, DefaultsAreClips) {
  const PreprocessConfig config = parse("{}");
  EXPECT_EQ(config.shortest_edge_px, 224U);
  EXPECT_EQ(config.crop_to, (ImageSize{224, 224}));
  EXPECT_EQ(config.filter, ResizeFilter::kBicubic);
  EXPECT_FLOAT_EQ(static_cast<float>(config.mean[2]), 0.40821073F);
}

TEST(PreprocessConfig, SiglipSqueezesAPictureIntoASquare) {
  ThreadPool pool(1);
  const PreprocessConfig config = parse(
      R"({"image_processor_type": "SiglipImageProcessor", "size": {"height": 8, "width": 8}})");
  EXPECT_FALSE(config.do_center_crop);
  const cv::Mat wide(3, 50, CV_8UC3, cv::Scalar::all(255));
  const PixelValues values = preprocess(wide, config, pool);
  EXPECT_EQ(values.height_px, 8U);
  EXPECT_EQ(values.width_px, 8U);
  for (const float value : values.values.values()) EXPECT_EQ(value, 1.0F);  // (1 - 0.5) / 0.5
  EXPECT_EQ(parse(R"({"image_processor_type": "SiglipImageProcessor"})").resize_to,
            (ImageSize{224, 224}));
}

TEST(PreprocessConfig, TakesEverySpellingOfSizes) {
  EXPECT_EQ(parse(R"({"size": 48})").shortest_edge_px, 48U);
  EXPECT_EQ(parse(R"({"size": {"shortest_edge": 48}})").shortest_edge_px, 48U);
  const PreprocessConfig config = parse(R"({"size": {"height": 3, "width": 4}, "crop_size": 9})");
  EXPECT_FALSE(config.shortest_edge_px);
  EXPECT_EQ(config.resize_to, (ImageSize{3, 4}));
  EXPECT_EQ(config.crop_to, (ImageSize{9, 9}));
  EXPECT_EQ(parse(R"({"resample": 2})").filter, ResizeFilter::kBilinear);
}

TEST(PreprocessConfig, RefusesWhatItCannotDoByName) {
  EXPECT_THAT(message_of(R"({"image_processor_type": "BlipImageProcessor"})"),
              HasSubstr("image_processor_type 'BlipImageProcessor'"));
  EXPECT_THAT(message_of(R"({"resample": 1})"), HasSubstr("resample 1 (known: 2 bilinear"));
  EXPECT_THAT(message_of(R"({"do_pad": true})"), HasSubstr("do_pad true"));
}

TEST(PreprocessConfig, RefusesWrongValues) {
  EXPECT_THAT(message_of(R"({"size": 0})"), HasSubstr("size 0 (1 to"));
  EXPECT_THAT(message_of(R"({"size": {"shortest_edge": 99999999}})"), HasSubstr("99999999"));
  EXPECT_THAT(message_of(R"({"size": []})"), HasSubstr("size"));
  EXPECT_THAT(message_of(R"({"size": {"height": 3}})"), HasSubstr("width"));
  EXPECT_THAT(message_of(R"({"image_mean": [1, 2]})"), HasSubstr("image_mean [1,2] (3 numbers)"));
  EXPECT_THAT(message_of(R"({"image_std": [1, 0, 1]})"), HasSubstr("image_std 0"));
}

}  // namespace
}  // namespace vlm
