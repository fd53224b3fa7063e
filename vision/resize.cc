#include "vision/resize.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "core/check.h"

namespace vlm {
namespace {

// 32 bits less 8 for the pixel less 2 for sums of weights that overshoot 1.
constexpr int kFractionBits = 32 - 8 - 2;

struct Filter {
  double support;  // the weight is 0 at and beyond this distance
  double (*weight)(double distance);
};

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

// Keys 1981, eq. 4 with a = -1/2.
double keys_cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

Filter find_filter(ResizeFilter filter) {
  return filter == ResizeFilter::kBilinear ? Filter{1.0, triangle} : Filter{2.0, keys_cubic};
}

// Which inputs make an output, and how much of each.
struct Taps {
  std::size_t first = 0;              // input index
  std::vector<std::int32_t> weights;  // fixed point, kFractionBits
};

std::int32_t to_fixed_point(double weight) {
  const double scaled = weight * (std::int64_t{1} << static_cast<unsigned>(kFractionBits));
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);  // half away from 0
}

Taps taps_of(std::size_t output, double scale, std::size_t input_size, const Filter& filter) {
  const double widening = std::max(scale, 1.0);
  const double support = filter.support * widening;
  const double center = (static_cast<double>(output) + 0.5) * scale;
  const double last = std::min(center + support + 0.5, static_cast<double>(input_size));
  Taps taps{.first = static_cast<std::size_t>(std::max(center - support + 0.5, 0.0)),
            .weights = {}};
  std::vector<double> weights(static_cast<std::size_t>(last) - taps.first);
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double distance = static_cast<double>(i + taps.first) - center + 0.5;
    weights[i] = filter.weight(distance * (1.0 / widening));
    sum += weights[i];
  }
  for (const double weight : weights) {
    taps.weights.push_back(to_fixed_point(sum != 0.0 ? weight / sum : weight));
  }
  return taps;
}

std::vector<Taps> all_taps(std::size_t input_size, std::size_t output_size, const Filter& filter) {
  const double scale = static_cast<double>(input_size) / static_cast<double>(output_size);
  std::vector<Taps> taps;
  taps.reserve(output_size);
  for (std::size_t i = 0; i < output_size; ++i) {
    taps.push_back(taps_of(i, scale, input_size, filter));
  }
  return taps;
}

std::uint8_t to_pixel(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

constexpr std::int32_t kHalf = std::int32_t{1} << static_cast<unsigned>(kFractionBits - 1);

template <int kChannels>
void convolve_row(const std::uint8_t* in, std::span<const Taps> taps, std::uint8_t* out) {
  for (const Taps& output : taps) {
    std::int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    const std::uint8_t* pixel = in + output.first * kChannels;
    for (const std::int32_t weight : output.weights) {
      for (int c = 0; c < kChannels; ++c) sums[c] += weight * *pixel++;
    }
    for (int c = 0; c < kChannels; ++c) *out++ = to_pixel(sums[c]);
  }
}

cv::Mat resize_horizontally(const cv::Mat& in, std::span<const Taps> taps, ThreadPool& pool) {
  cv::Mat out(in.rows, static_cast<int>(taps.size()), in.type());
  pool.parallel_for(static_cast<std::size_t>(in.rows), [&](std::size_t row) {
    const int y = static_cast<int>(row);
    const auto convolve = in.channels() == 1 ? convolve_row<1> : convolve_row<3>;
    convolve(in.ptr(y), taps, out.ptr(y));
  });
  return out;
}

cv::Mat resize_vertically(const cv::Mat& in, std::span<const Taps> taps, ThreadPool& pool) {
  cv::Mat out(static_cast<int>(taps.size()), in.cols, in.type());
  const std::size_t row_bytes = static_cast<std::size_t>(in.cols) * in.elemSize();
  pool.parallel_for(taps.size(), [&](std::size_t y) {
    std::vector<std::int32_t> sums(row_bytes, kHalf);
    int input_row = static_cast<int>(taps[y].first);
    for (const std::int32_t weight : taps[y].weights) {
      const std::uint8_t* pixels = in.ptr(input_row++);
      for (std::size_t i = 0; i < row_bytes; ++i) sums[i] += weight * pixels[i];
    }
    std::transform(sums.begin(), sums.end(), out.ptr(static_cast<int>(y)), to_pixel);
  });
  return out;
}

}  // namespace

cv::Mat resize_image(const cv::Mat& image, std::size_t width_px, std::size_t height_px,
                     ResizeFilter filter, ThreadPool& pool) {
  check(image.type() == CV_8UC1 || image.type() == CV_8UC3, "resize_image: 8-bit grey or RGB");
  check(!image.empty() && width_px > 0 && height_px > 0, "resize_image: no side is 0");
  const Filter kernel = find_filter(filter);
  const auto width = static_cast<std::size_t>(image.cols);
  const auto height = static_cast<std::size_t>(image.rows);
  const auto to_width = [&](const cv::Mat& in) {
    return width == width_px ? in
                             : resize_horizontally(in, all_taps(width, width_px, kernel), pool);
  };
  const auto to_height = [&](const cv::Mat& in) {
    return height == height_px ? in
                               : resize_vertically(in, all_taps(height, height_px, kernel), pool);
  };
  const auto lost_height = static_cast<std::int64_t>(height) - static_cast<std::int64_t>(height_px);
  const auto lost_width = static_cast<std::int64_t>(width) - static_cast<std::int64_t>(width_px);
  const bool vertical_first = lost_height > 0 && lost_height > 2 * lost_width;
  return vertical_first ? to_width(to_height(image)) : to_height(to_width(image));
}

}  // namespace vlm
