#include "vision/image_header.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.h"

namespace vlm {
namespace {

using Bytes = std::span<const std::byte>;

[[noreturn]] void fail(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::kCorruptFile, what + ": " + where);
}

std::string seen_bytes(Bytes bytes) {
  return ": " + std::to_string(bytes.size()) + " bytes";
}

bool has_at(Bytes bytes, std::size_t offset, std::string_view text) {
  if (offset > bytes.size() || text.size() > bytes.size() - offset) return false;
  return std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char c, std::byte b) { return static_cast<std::byte>(c) == b; });
}

// Unsigned numbers of `count` bytes. REQUIRES: offset + count <= bytes.size().
std::size_t big_endian(Bytes bytes, std::size_t offset, std::size_t count) {
  std::size_t value = 0;
  for (const std::byte b : bytes.subspan(offset, count)) {
    value = (value << 8U) | std::to_integer<std::size_t>(b);
  }
  return value;
}

std::size_t little_endian(Bytes bytes, std::size_t offset, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = count; i > 0; --i) {
    value = (value << 8U) | std::to_integer<std::size_t>(bytes[offset + i - 1]);
  }
  return value;
}

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegSignature = "\xff\xd8\xff";

struct KnownFormat {
  std::size_t offset;
  std::string_view magic;
  std::string_view name;
};
constexpr std::array<KnownFormat, 9> kOtherFormats{{{0, "GIF8", "GIF"},
                                                    {0, "BM", "BMP"},
                                                    {0, std::string_view("II*\0", 4), "TIFF"},
                                                    {0, std::string_view("MM\0*", 4), "TIFF"},
                                                    {4, "ftypavif", "AVIF"},
                                                    {4, "ftypheic", "HEIC"},
                                                    {4, "ftypmif1", "HEIF"},
                                                    {4, "jP  \r\n", "JPEG 2000"},
                                                    {0, "%PDF", "PDF"}}};

[[noreturn]] void refuse(Bytes bytes, const std::string& where) {
  for (const KnownFormat& format : kOtherFormats) {
    if (has_at(bytes, format.offset, format.magic)) {
      throw Error(ErrorCode::kUnsupported, "unsupported image format: " + where + ": " +
                                               std::string(format.name) +
                                               " (supported: PNG, JPEG, WebP)");
    }
  }
  fail("not an image",
       where + ": " + std::to_string(bytes.size()) + " bytes that begin like no PNG, JPEG or WebP");
}

ImageHeader png_header(Bytes bytes, const std::string& where) {
  if (bytes.size() < 33 || !has_at(bytes, 12, "IHDR"))
    fail("damaged PNG, no header", where + seen_bytes(bytes));
  return {.format = ImageFormat::kPng,
          .width_px = big_endian(bytes, 16, 4),
          .height_px = big_endian(bytes, 20, 4)};
}

struct JpegMarker {
  std::size_t code = 0;
  std::size_t payload = 0;     // offset behind the marker, of the length field if it has one
  std::size_t size_bytes = 0;  // of the segment from `payload` on, with its length field
};

constexpr std::size_t kStartOfScan = 0xDA;
constexpr std::size_t kEndOfImage = 0xD9;

bool is_restart_or_stuffing(std::size_t code) {
  return code == 0 || code == 0x01 || (code >= 0xD0 && code <= 0xD7);
}

// The next marker with a meaning of its own at or after `offset`: skips entropy-coded data, fill
// bytes and restart markers. ITU T.81, B.1.1.
JpegMarker next_marker(Bytes bytes, std::size_t offset, const std::string& where) {
  for (std::size_t i = offset; bytes.size() >= 2 && i < bytes.size() - 1; ++i) {
    const auto code = std::to_integer<std::size_t>(bytes[i + 1]);
    if (bytes[i] != std::byte{0xFF} || code == 0xFF || is_restart_or_stuffing(code)) continue;
    JpegMarker marker{.code = code, .payload = i + 2, .size_bytes = 0};
    if (code == kEndOfImage) return marker;
    if (bytes.size() - marker.payload < 2) break;
    marker.size_bytes = big_endian(bytes, marker.payload, 2);
    if (marker.size_bytes < 2)
      fail("damaged JPEG, a segment without length", where + seen_bytes(bytes));
    if (marker.size_bytes > bytes.size() - marker.payload) break;
    return marker;
  }
  fail("truncated JPEG, no end marker", where + seen_bytes(bytes));
}

bool is_start_of_frame(std::size_t code) {
  return code >= 0xC0 && code <= 0xCF && code != 0xC4 && code != 0xC8 && code != 0xCC;
}

ImageHeader jpeg_header(Bytes bytes, const std::string& where) {
  std::size_t offset = 2;
  while (true) {
    const JpegMarker marker = next_marker(bytes, offset, where);
    if (marker.code == kEndOfImage || marker.code == kStartOfScan) {
      fail("damaged JPEG, no frame header", where + seen_bytes(bytes));
    }
    if (is_start_of_frame(marker.code)) {
      if (marker.size_bytes < 8)
        fail("damaged JPEG, short frame header", where + seen_bytes(bytes));
      return {.format = ImageFormat::kJpeg,
              .width_px = big_endian(bytes, marker.payload + 5, 2),
              .height_px = big_endian(bytes, marker.payload + 3, 2),
              .is_cmyk = bytes[marker.payload + 7] == std::byte{4}};
    }
    offset = marker.payload + marker.size_bytes;
  }
}

// RFC 9649 (container), RFC 6386, 9.1 (lossy), RFC 9649, 3.4 (lossless).
ImageHeader webp_header(Bytes bytes, const std::string& where) {
  constexpr std::size_t kFourteenBits = 0x3FFF;
  if (bytes.size() < 30) fail("truncated WebP", where + seen_bytes(bytes));
  ImageHeader header{.format = ImageFormat::kWebp};
  if (has_at(bytes, 12, "VP8X")) {
    if ((std::to_integer<unsigned>(bytes[20]) & 2U) != 0) {
      throw Error(ErrorCode::kUnsupported,
                  "unsupported image format: " + where + ": animated WebP");
    }
    header.width_px = little_endian(bytes, 24, 3) + 1;
    header.height_px = little_endian(bytes, 27, 3) + 1;
  } else if (has_at(bytes, 12, "VP8L")) {
    const std::size_t bits = little_endian(bytes, 21, 4);
    header.width_px = (bits & kFourteenBits) + 1;
    header.height_px = ((bits >> 14U) & kFourteenBits) + 1;
  } else if (has_at(bytes, 12, "VP8 ")) {
    header.width_px = little_endian(bytes, 26, 2) & kFourteenBits;
    header.height_px = little_endian(bytes, 28, 2) & kFourteenBits;
  } else {
    fail("damaged WebP, no picture", where + seen_bytes(bytes));
  }
  return header;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t n = 0; n < 256; ++n) {
    std::uint32_t c = n;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1U) : c >> 1U;
    table[n] = c;
  }
  return table;
}();

// CRC-32 of the PNG specification, annex D.
std::uint32_t crc32(Bytes bytes) {
  std::uint32_t c = 0xFFFFFFFFU;
  for (const std::byte b : bytes) {
    c = kCrcTable[(c ^ std::to_integer<std::uint32_t>(b)) & 0xFFU] ^ (c >> 8U);
  }
  return c ^ 0xFFFFFFFFU;
}

bool makes_pixels(Bytes bytes, std::size_t type_offset) {
  constexpr std::array<std::string_view, 5> kTypes{"IHDR", "PLTE", "tRNS", "IDAT", "IEND"};
  return std::any_of(kTypes.begin(), kTypes.end(),
                     [&](std::string_view type) { return has_at(bytes, type_offset, type); });
}

}  // namespace

ImageHeader read_image_header(Bytes bytes, const std::string& where) {
  ImageHeader header;
  if (has_at(bytes, 0, kPngSignature)) {
    header = png_header(bytes, where);
  } else if (has_at(bytes, 0, kJpegSignature)) {
    header = jpeg_header(bytes, where);
  } else if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) {
    header = webp_header(bytes, where);
  } else {
    refuse(bytes, where);
  }
  if (header.width_px == 0 || header.height_px == 0) {
    fail("image without pixels", where + ": " + std::to_string(header.width_px) + "x" +
                                     std::to_string(header.height_px) + " px");
  }
  return header;
}

std::vector<std::byte> essential_png(Bytes bytes, const std::string& where) {
  constexpr std::size_t kChunkFrameBytes = 12;  // length, type, checksum
  std::size_t offset = kPngSignature.size();
  if (!has_at(bytes, 0, kPngSignature)) fail("not a PNG", where + seen_bytes(bytes));
  std::vector<std::byte> out(bytes.begin(), bytes.begin() + 8);
  while (bytes.size() - offset >= kChunkFrameBytes) {
    const std::size_t length = big_endian(bytes, offset, 4);
    if (length > bytes.size() - offset - kChunkFrameBytes) break;
    const Bytes chunk = bytes.subspan(offset, length + kChunkFrameBytes);
    if (makes_pixels(chunk, 4)) {
      if (crc32(chunk.subspan(4, length + 4)) != big_endian(chunk, length + 8, 4)) {
        fail("damaged PNG, wrong checksum", where + ": byte " + std::to_string(offset));
      }
      out.insert(out.end(), chunk.begin(), chunk.end());
    }
    if (has_at(chunk, 4, "IEND")) return out;
    offset += chunk.size();
  }
  fail("truncated PNG, no end chunk", where + seen_bytes(bytes));
}

void check_jpeg_is_whole(Bytes bytes, const std::string& where) {
  std::size_t offset = 2;
  while (true) {
    const JpegMarker marker = next_marker(bytes, offset, where);
    if (marker.code == kEndOfImage) return;
    offset = marker.payload + marker.size_bytes;
  }
}

}  // namespace vlm
