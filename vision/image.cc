#include "vision/image.h"

#include <array>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "vision/image_codecs.h"
#include "vision/image_header.h"
#include "vision/quiet_stderr.h"

namespace vlm {
namespace {

[[noreturn]] void fail_decoding(const std::string& where, const ImageHeader& header) {
  throw Error(ErrorCode::kCorruptFile, "damaged image, cannot be decoded: " + where + ": " +
                                           std::to_string(header.width_px) + "x" +
                                           std::to_string(header.height_px) + " px by its header");
}

void check_limits(const ImageHeader& header, const std::string& where, const ImageLimits& limits) {
  if (header.height_px <= limits.max_pixels / header.width_px) return;
  throw Error(ErrorCode::kInvalidArgument, "image larger than the pixel limit: " + where + ": " +
                                               std::to_string(header.width_px) + "x" +
                                               std::to_string(header.height_px) + " px (limit " +
                                               std::to_string(limits.max_pixels) + ")");
}

void check_file_size(std::size_t size_bytes, const std::string& where, const ImageLimits& limits) {
  if (size_bytes <= limits.max_file_bytes) return;
  throw Error(ErrorCode::kInvalidArgument, "image file larger than the limit: " + where + ": " +
                                               std::to_string(size_bytes) + " bytes (limit " +
                                               std::to_string(limits.max_file_bytes) + ")");
}

cv::Mat decode_quietly(std::span<const std::byte> bytes, int flags) {
  const QuietStderr quiet;
  return decode_with_opencv(bytes, flags);
}

cv::Mat decode(std::span<const std::byte> bytes, const std::string& where,
               const ImageHeader& header, ImagePolicy policy) {
  switch (header.format) {
    case ImageFormat::kPng:
      return decode_quietly(essential_png(bytes, where), cv::IMREAD_UNCHANGED);
    case ImageFormat::kJpeg:
      check_jpeg_is_whole(bytes, where);
      return decode_quietly(bytes, policy == ImagePolicy::kPillow
                                       ? cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION
                                       : cv::IMREAD_COLOR);
    case ImageFormat::kWebp:
      return decode_quietly(bytes, cv::IMREAD_UNCHANGED);
  }
  fail_decoding(where, header);
}

// OpenCV computes n - (x * n >> 8) from ink x and paper n = 255 - black, Pillow n - round(x * n /
// 255). OpenCV is above by 0, 1 or 2, mostly 1; white (x = 0) is right.
void correct_cmyk(cv::Mat& image) {
  image.forEach<cv::Vec3b>([](cv::Vec3b& pixel, const int*) {
    for (int c = 0; c < 3; ++c) {
      if (pixel[c] > 0 && pixel[c] < 255) --pixel[c];
    }
  });
}

cv::Mat to_8_bits(const cv::Mat& image, ImagePolicy policy) {
  if (image.depth() == CV_8U) return image;
  cv::Mat out;
  if (policy == ImagePolicy::kViewer) {
    image.convertTo(out, CV_8U, 1.0 / 257.0);
  } else if (image.channels() == 1) {
    image.convertTo(out, CV_8U);  // saturates at 255
  } else {
    out.create(image.size(), CV_8UC(image.channels()));
    const cv::Mat flat = image.reshape(1);
    cv::Mat flat_out = out.reshape(1);
    flat_out.forEach<std::uint8_t>([&](std::uint8_t& value, const int* at) {
      value = static_cast<std::uint8_t>(flat.at<std::uint16_t>(at[0], at[1]) >> 8U);
    });
  }
  return out;
}

// c * a + 255 * (1 - a), with a = alpha / 255, rounded to nearest.
void blend_over_white(cv::Mat& bgra) {
  bgra.forEach<cv::Vec4b>([](cv::Vec4b& pixel, const int*) {
    const int alpha = pixel[3];
    for (int c = 0; c < 3; ++c) {
      pixel[c] = static_cast<std::uint8_t>((pixel[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  });
}

cv::Mat to_rgb(const cv::Mat& image) {
  cv::Mat rgb;
  switch (image.channels()) {
    case 1:
      cv::cvtColor(image, rgb, cv::COLOR_GRAY2RGB);
      break;
    case 3:
      cv::cvtColor(image, rgb, cv::COLOR_BGR2RGB);
      break;
    default:
      cv::cvtColor(image, rgb, cv::COLOR_BGRA2RGB);
      break;
  }
  return rgb;
}

bool has_size(const cv::Mat& image, const ImageHeader& header) {
  const auto rows = static_cast<std::size_t>(image.rows);
  const auto cols = static_cast<std::size_t>(image.cols);
  return (rows == header.height_px && cols == header.width_px) ||
         (rows == header.width_px && cols == header.height_px);  // turned by EXIF
}

}  // namespace

cv::Mat decode_image(std::span<const std::byte> bytes, const std::string& where, ImagePolicy policy,
                     const ImageLimits& limits) {
  check_file_size(bytes.size(), where, limits);
  const ImageHeader header = read_image_header(bytes, where);
  check_limits(header, where, limits);
  cv::Mat image = decode(bytes, where, header, policy);
  if (image.empty() || !has_size(image, header)) fail_decoding(where, header);
  if (header.is_cmyk) correct_cmyk(image);
  image = to_8_bits(image, policy);
  if (policy == ImagePolicy::kViewer && image.channels() == 4) blend_over_white(image);
  return to_rgb(image);
}

cv::Mat read_image(const std::filesystem::path& path, ImagePolicy policy,
                   const ImageLimits& limits) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), policy, limits);
}

}  // namespace vlm
