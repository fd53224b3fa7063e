#pragma once

// Pictures inside a page.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vlm {

// RFC 4648, section 4, with padding.
std::string base64(std::string_view bytes);

// The media type by the first bytes of a PNG, JPEG, GIF or WebP file; nothing for others.
std::optional<std::string> picture_media_type(std::string_view bytes);

// A data: URI of a picture file. Nothing if it cannot be read, is over 4 MiB or of another kind.
std::optional<std::string> picture_data_uri(const std::filesystem::path& path);

}  // namespace vlm
