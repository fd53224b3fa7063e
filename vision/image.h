#pragma once

// Image files to 8-bit RGB pixels. PNG, JPEG and WebP are read, decoded by OpenCV; every other
// format is refused by its first bytes, so that untrusted files meet three decoders and no more.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <opencv2/core/mat.hpp>

namespace vlm {

// What becomes of the things RGB cannot say.
enum class ImagePolicy : std::uint8_t {
  // What transformers sees, PIL.Image.open(file).convert("RGB"): EXIF orientation ignored, alpha
  // dropped, 16-bit grey clipped at 255, the upper byte of 16-bit colour. For benchmarks.
  kPillow,
  // What a viewer shows: EXIF orientation applied (JPEG), alpha blended over white, 16-bit values
  // divided by 257 and rounded. For pictures of users.
  kViewer
};

struct ImageLimits {
  std::size_t max_pixels = 100'000'000;
  std::size_t max_file_bytes = std::size_t{256} << 20U;
};

// The pixels of a PNG, JPEG or WebP file in memory: CV_8UC3, R first. `where` is the file's name,
// for messages. The size in the header is held against the limit before anything is decoded.
// Equal to Pillow's to the last bit, except CMYK JPEGs: OpenCV gives them only as RGB that it made
// with a shift by 8 where Pillow divides by 255; after a correction each channel is within 1.
// Not read: transparency of a single grey or RGB value (tRNS without palette) under kViewer for
// grey, EXIF orientation in PNG and WebP, animations (PNG: the default image; WebP: refused).
// Throws Error{kCorruptFile, kUnsupported, kInvalidArgument (limits)}.
cv::Mat decode_image(std::span<const std::byte> bytes, const std::string& where, ImagePolicy policy,
                     const ImageLimits& limits = {});

// decode_image() of a file. Throws Error{kNotFound, kIo} besides.
cv::Mat read_image(const std::filesystem::path& path, ImagePolicy policy,
                   const ImageLimits& limits = {});

}  // namespace vlm
