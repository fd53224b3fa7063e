#include "vision/image.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/vision/golden_image.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::vector<std::byte> file_bytes(const std::string& name) {
  const MappedFile file(image_data() / name);
  return {file.bytes().begin(), file.bytes().end()};
}

std::string message_of(std::span<const std::byte> bytes, const ImageLimits& limits = {}) {
  try {
    decode_image(bytes, "picture", ImagePolicy::kPillow, limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

TEST(Image, PillowPolicyEqualsPillow) {
  int compared = 0;
  const Json cases = read_image_cases();
  for (const Json& image : cases.at("cases")) {
    const auto name = image.at("input").get<std::string>();
    const cv::Mat rgb = read_image(image_data() / name, ImagePolicy::kPillow);
    EXPECT_EQ(rgb.type(), CV_8UC3);
    EXPECT_EQ(rgb.cols, image.at("size_wh")[0].get<int>()) << name;
    const std::string expected = image.value("rgb", name);
    const int difference = max_difference(rgb, read_expected_rgb(expected));
    EXPECT_LE(difference, name == "input/cmyk.jpg" ? 1 : 0) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 15);
}

class RareImage : public testing::TestWithParam<const char*> {};

TEST_P(RareImage, PillowPolicyEqualsPillow) {
  const std::string name = std::string("extra/") + GetParam();
  const cv::Mat rgb = read_image(image_data() / name, ImagePolicy::kPillow);
  EXPECT_EQ(max_difference(rgb, read_expected_rgb(name + ".rgb.png")), 0);
}

TEST_P(RareImage, ViewerPolicyShowsWhatAViewerShows) {
  const std::string name = std::string("extra/") + GetParam();
  const cv::Mat rgb = read_image(image_data() / name, ImagePolicy::kViewer);
  EXPECT_EQ(max_difference(rgb, read_expected_rgb(name + ".viewer.png")), 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, RareImage,
                         testing::Values("rgb16.png", "rgba16.png", "gray_alpha16.png",
                                         "gray16.png", "rgb_colour_key.png", "gray2.png",
                                         "progressive.jpg", "subsampling_422.jpg", "gray.jpg",
                                         "orientation1.jpg", "orientation2.jpg", "orientation3.jpg",
                                         "orientation4.jpg", "orientation5.jpg", "orientation6.jpg",
                                         "orientation7.jpg", "orientation8.jpg", "lossy.webp",
                                         "lossless.webp", "alpha.webp"),
                         [](const auto& kind) {
                           std::string name = kind.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Image, CmykWithBlackInkIsWithinOneOfPillow) {
  const cv::Mat rgb = read_image(image_data() / "extra/cmyk.jpg", ImagePolicy::kPillow);
  EXPECT_LE(max_difference(rgb, read_expected_rgb("extra/cmyk.jpg.rgb.png")), 1);
}

TEST(Image, ViewerBlendsTransparentPaletteOverWhite) {
  const auto bytes = file_bytes("input/palette_transparent.png");
  const cv::Mat dropped = decode_image(bytes, "picture", ImagePolicy::kPillow);
  const cv::Mat blended = decode_image(bytes, "picture", ImagePolicy::kViewer);
  int changed = 0;
  for (int y = 0; y < dropped.rows; ++y) {
    for (int x = 0; x < dropped.cols; ++x) {
      const auto& pixel = blended.at<cv::Vec3b>(y, x);
      if (pixel == dropped.at<cv::Vec3b>(y, x)) continue;
      ++changed;
      EXPECT_EQ(pixel, cv::Vec3b(255, 255, 255));
    }
  }
  EXPECT_GT(changed, 0);
}

TEST(Image, RefusesWhatIsNoImage) {
  EXPECT_THAT(message_of({}), HasSubstr("not an image: picture: 0 bytes"));
  EXPECT_THAT(message_of(bytes_of("hello")), HasSubstr("not an image: picture"));
  EXPECT_THAT(message_of(bytes_of("GIF89a")),
              HasSubstr("unsupported image format: picture: GIF (supported: PNG, JPEG, WebP)"));
  EXPECT_THAT(message_of(file_bytes("extra/animated.webp")), HasSubstr("animated WebP"));
  EXPECT_THROW(read_image(image_data() / "missing.png", ImagePolicy::kPillow), Error);
}

TEST(Image, RefusesMorePixelsThanTheLimitBeforeDecoding) {
  auto bytes = file_bytes("input/tiny.png");
  bytes[18] = std::byte{0xC3};  // width 7 becomes 0xC350 = 50000, height 5 becomes 40000
  bytes[19] = std::byte{0x50};
  bytes[22] = std::byte{0x9C};
  bytes[23] = std::byte{0x40};
  EXPECT_EQ(message_of(bytes),
            "image larger than the pixel limit: picture: 50000x40000 px (limit 100000000)");
  EXPECT_EQ(message_of(file_bytes("input/tiny.png"), {.max_pixels = 34}),
            "image larger than the pixel limit: picture: 7x5 px (limit 34)");
  EXPECT_EQ(message_of(file_bytes("input/tiny.png"), {.max_pixels = 35}), "no error");
  EXPECT_THAT(message_of(file_bytes("input/tiny.png"), {.max_file_bytes = 100}),
              HasSubstr("image file larger than the limit: picture: 2766 bytes (limit 100)"));
}

TEST(Image, RefusesEveryTruncationWithoutPrinting) {
  testing::internal::CaptureStderr();
  for (const char* name : {"input/tiny.png", "extra/progressive.jpg", "extra/orientation6.jpg",
                           "extra/lossy.webp", "extra/alpha.webp"}) {
    const auto bytes = file_bytes(name);
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
      const std::string message = message_of(std::span(bytes).first(size));
      EXPECT_NE(message, "no error") << name << " cut to " << size;
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Image, SurvivesFlippedBytesWithoutPrinting) {
  testing::internal::CaptureStderr();
  for (const char* name : {"extra/rgba16.png", "extra/progressive.jpg", "extra/cmyk.jpg",
                           "extra/lossy.webp", "extra/alpha.webp"}) {
    const auto whole = file_bytes(name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      auto bytes = whole;
      bytes[at] ^= std::byte{0x5A};
      message_of(bytes, {.max_pixels = 1'000'000});
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Image, RefusesAWrongChecksum) {
  auto bytes = file_bytes("input/tiny.png");
  bytes[bytes.size() - 20] ^= std::byte{1};
  EXPECT_THAT(message_of(bytes), HasSubstr("damaged PNG, wrong checksum: picture: byte "));
}

}  // namespace
}  // namespace vlm
