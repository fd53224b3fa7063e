#include "vision/image_header.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/vision/golden_image.h"

namespace vlm {
namespace {

ImageHeader header_of(const std::string& name) {
  const MappedFile file(image_data() / name);
  return read_image_header(file.bytes(), name);
}

TEST(ImageHeader, ReadsTheSizeOfEveryFormat) {
  const struct {
    const char* name;
    ImageFormat format;
    std::size_t width, height;
  } cases[] = {{"input/wide.png", ImageFormat::kPng, 600, 24},
               {"input/rocket.jpg", ImageFormat::kJpeg, 640, 427},
               {"extra/progressive.jpg", ImageFormat::kJpeg, 53, 37},
               {"extra/lossy.webp", ImageFormat::kWebp, 53, 37},
               {"extra/lossless.webp", ImageFormat::kWebp, 53, 37},
               {"extra/alpha.webp", ImageFormat::kWebp, 23, 19}};
  for (const auto& image : cases) {
    const ImageHeader header = header_of(image.name);
    EXPECT_EQ(header.format, image.format) << image.name;
    EXPECT_EQ(header.width_px, image.width) << image.name;
    EXPECT_EQ(header.height_px, image.height) << image.name;
  }
}

TEST(ImageHeader, TellsCmykJpegs) {
  EXPECT_TRUE(header_of("input/cmyk.jpg").is_cmyk);
  EXPECT_FALSE(header_of("input/rocket.jpg").is_cmyk);
}

TEST(ImageHeader, EssentialPngKeepsOnlyWhatMakesPixels) {
  const MappedFile file(image_data() / "extra/gray2.png");
  const std::vector<std::byte> essential = essential_png(file.bytes(), "gray2.png");
  EXPECT_LT(essential.size(), file.bytes().size());
  const std::string text(reinterpret_cast<const char*>(essential.data()), essential.size());
  EXPECT_NE(text.find("IDAT"), std::string::npos);
  EXPECT_EQ(text.find("iCCP"), std::string::npos);
  EXPECT_EQ(text.find("tEXt"), std::string::npos);
}

TEST(ImageHeader, AJpegNeedsItsEndMarker) {
  const MappedFile file(image_data() / "extra/progressive.jpg");
  EXPECT_NO_THROW(check_jpeg_is_whole(file.bytes(), "x"));
  EXPECT_THROW(check_jpeg_is_whole(file.bytes().first(file.bytes().size() - 2), "x"), Error);
}

}  // namespace
}  // namespace vlm
