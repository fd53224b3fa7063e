#include "vision/resize.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "tests/vision/golden_image.h"
#include "vision/image.h"

namespace vlm {
namespace {

TEST(Resize, EqualsPillowToTheLastBit) {
  ThreadPool pool(2);
  int compared = 0;
  const Json cases = read_image_cases();
  for (const Json& image : cases.at("cases")) {
    if (!image.contains("resizes")) continue;
    const auto input = image.at("input").get<std::string>();
    const cv::Mat rgb = read_image(image_data() / input, ImagePolicy::kPillow);
    for (const Json& resize : image.at("resizes")) {
      const auto filter = resize.at("filter").get<std::string>() == "bicubic"
                              ? ResizeFilter::kBicubic
                              : ResizeFilter::kBilinear;
      const cv::Mat out = resize_image(rgb, resize.at("size_wh")[0].get<std::size_t>(),
                                       resize.at("size_wh")[1].get<std::size_t>(), filter, pool);
      const auto expected = resize.at("expected").get<std::string>();
      EXPECT_EQ(max_difference(out, read_expected_rgb(expected)), 0) << expected;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 32);
}

// At 53x37 -> 43x16 the height loses 21 pixels, more than twice the width's 10; at 43x17 it is
// even.
TEST(Resize, PassOrderTurnsWhereTheHeightLosesTwiceTheWidth) {
  ThreadPool pool(1);
  const cv::Mat rgb = read_expected_rgb("extra/lossless.webp.rgb.png");
  for (const std::size_t height : {16U, 17U}) {
    const std::string name = "extra/resize_43x" + std::to_string(height) + ".png";
    const cv::Mat out = resize_image(rgb, 43, height, ResizeFilter::kBicubic, pool);
    EXPECT_EQ(max_difference(out, read_expected_rgb(name)), 0) << name;
  }
}

TEST(Resize, SameSizeIsTheSameImage) {
  ThreadPool pool(1);
  const cv::Mat rgb = read_expected_rgb("input/tiny.png");
  EXPECT_EQ(max_difference(resize_image(rgb, 7, 5, ResizeFilter::kBicubic, pool), rgb), 0);
}

TEST(Resize, AConstantImageStaysConstant) {
  ThreadPool pool(1);
  for (const int value : {0, 1, 127, 254, 255}) {
    const cv::Mat image(9, 31, CV_8UC1, cv::Scalar(value));
    const cv::Mat out = resize_image(image, 13, 40, ResizeFilter::kBicubic, pool);
    EXPECT_EQ(cv::norm(out, cv::Mat(40, 13, CV_8UC1, cv::Scalar(value)), cv::NORM_INF), 0.0);
  }
}

TEST(Resize, HalvingWithTheTriangleAveragesEightToOne) {
  // Scale 2, support 2: output 1 of 3 has its centre at 3.0 and weights 1/8 3/8 3/8 1/8 on inputs
  // 1 to 4.
  ThreadPool pool(1);
  const cv::Mat row = (cv::Mat_<std::uint8_t>(1, 6) << 0, 80, 0, 0, 160, 0);
  const cv::Mat out = resize_image(row, 3, 1, ResizeFilter::kBilinear, pool);
  EXPECT_EQ(out.at<std::uint8_t>(0, 1), 30);  // 80 / 8 + 160 / 8
}

TEST(Resize, OneRowAndOneColumnWork) {
  ThreadPool pool(2);
  const cv::Mat image(1, 500, CV_8UC3, cv::Scalar(10, 20, 30));
  const cv::Mat out = resize_image(image, 1, 3, ResizeFilter::kBicubic, pool);
  EXPECT_EQ(out.size(), cv::Size(1, 3));
  EXPECT_EQ(out.at<cv::Vec3b>(2, 0), cv::Vec3b(10, 20, 30));
}

TEST(Resize, ThreadsDoNotChangeTheResult) {
  ThreadPool one(1);
  ThreadPool three(3);
  const cv::Mat rgb = read_expected_rgb("input/cat.png");
  EXPECT_EQ(max_difference(resize_image(rgb, 77, 91, ResizeFilter::kBicubic, one),
                           resize_image(rgb, 77, 91, ResizeFilter::kBicubic, three)),
            0);
}

}  // namespace
}  // namespace vlm
