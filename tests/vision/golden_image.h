#pragma once

// Reads the golden images of tests/data/image and compares pixels.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/json_fields.h"
#include "core/mapped_file.h"

namespace vlm {

inline std::filesystem::path image_data() {
  return std::filesystem::path(VLM_TEST_DATA) / "image";
}

// Not through vision/image.h: this is what it is tested against.
inline cv::Mat read_expected_rgb(const std::string& name) {
  const cv::Mat bgr = cv::imread((image_data() / name).string(), cv::IMREAD_COLOR);
  EXPECT_FALSE(bgr.empty()) << name;
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return rgb;
}

// The largest difference of two images of equal size.
inline int max_difference(const cv::Mat& a, const cv::Mat& b) {
  EXPECT_EQ(a.size(), b.size());
  EXPECT_EQ(a.type(), b.type());
  if (a.size() != b.size() || a.type() != b.type()) return 256;
  return static_cast<int>(cv::norm(a, b, cv::NORM_INF));
}

inline std::vector<float> read_floats_file(const std::string& name) {
  const MappedFile file(image_data() / name);
  std::vector<float> values(file.bytes().size() / sizeof(float));
  std::memcpy(values.data(), file.bytes().data(), values.size() * sizeof(float));
  return values;
}

inline Json read_image_cases() {
  return read_json_file(image_data() / "cases.json");
}

}  // namespace vlm
