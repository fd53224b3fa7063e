#include "search/report_picture.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "core/files.h"

namespace vlm {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;  // 24 bits: three bytes, or four digits
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

std::optional<std::string> picture_media_type(std::string_view bytes) {
  constexpr std::size_t kWebpNameOffset = 8;  // "RIFF", size, "WEBP"
  if (bytes.starts_with("\x89PNG\r\n\x1A\n")) return "image/png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return "image/jpeg";
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return "image/gif";
  if (bytes.starts_with("RIFF") && bytes.size() > kWebpNameOffset &&
      bytes.substr(kWebpNameOffset).starts_with("WEBP")) {
    return "image/webp";
  }
  return std::nullopt;
}

std::optional<std::string> picture_data_uri(const std::filesystem::path& path) {
  constexpr std::size_t kLargestBytes = std::size_t{4} << 20U;
  try {
    const std::string bytes = read_text_file(path, kLargestBytes);
    const std::optional<std::string> type = picture_media_type(bytes);
    if (!type) return std::nullopt;
    return "data:" + *type + ";base64," + base64(bytes);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace vlm
