#pragma once

// Text and numbers as they may stand in HTML and SVG.

#include <string>
#include <string_view>

namespace vlm {

// `text` for element content and quoted attribute values: & < > " ' become references,
// control characters other than line feed and tab U+FFFD.
std::string escape_html(std::string_view text);

// <name attributes>content</name>. Content and attributes are HTML already: escape them.
std::string element(std::string_view name, std::string_view content,
                    std::string_view attributes = "");

// `value` with `digits` (at most 17) places after a decimal point, whatever the locale.
std::string decimal_text(double value, int digits);
// The same with a sign: + before zero and above, U+2212 below.
std::string signed_text(double value, int digits);
// A coordinate or length in an SVG, to a tenth of a pixel.
std::string px(double value);

}  // namespace vlm
