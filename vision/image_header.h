#pragma once

// The frame of an image file, read without decoding: which format, how many pixels, and whether the
// file is whole.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vlm {

enum class ImageFormat : std::uint8_t { kPng, kJpeg, kWebp };

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  std::size_t width_px = 0;
  std::size_t height_px = 0;
  bool is_cmyk = false;  // a JPEG of four components
};

// Reads the file up to where it states its size. Throws Error{kCorruptFile} for what is no image or
// ends too early, Error{kUnsupported} for an image of another format.
ImageHeader read_image_header(std::span<const std::byte> bytes, const std::string& where);

// The PNG with nothing but the chunks that make its pixels (IHDR, PLTE, tRNS, IDAT, IEND), each of
// them with a right checksum. Colour profiles and comments are what decoders complain about.
// Throws Error{kCorruptFile}.
std::vector<std::byte> essential_png(std::span<const std::byte> bytes, const std::string& where);

// Throws Error{kCorruptFile} unless the JPEG's markers lead to its end-of-image marker.
void check_jpeg_is_whole(std::span<const std::byte> bytes, const std::string& where);

}  // namespace vlm
