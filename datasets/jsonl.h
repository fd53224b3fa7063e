#pragma once

// Reading JSON lines: one JSON object per line, UTF-8, blank lines skipped.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// What an untrusted file may cost at most.
struct JsonlLimits {
  std::size_t max_file_bytes = std::size_t{256} << 20U;
  std::size_t max_line_bytes = std::size_t{1} << 20U;
  std::size_t max_lines = 1'000'000;
};

struct JsonlLine {
  Json object;
  std::string where;  // "FILE:LINE", for messages
};

// Parses the text of `where` (a file name, for messages). Errors name the line, counted from 1.
// Throws Error{kCorruptFile} for bad JSON or UTF-8, a line that is no object, or a limit passed.
std::vector<JsonlLine> parse_jsonl(std::string_view text, const std::string& where,
                                   const JsonlLimits& limits = {});

// Reads and parses a file. Throws Error{kNotFound, kIo, kCorruptFile}.
std::vector<JsonlLine> read_jsonl_file(const std::filesystem::path& path,
                                       const JsonlLimits& limits = {});

}  // namespace vlm
