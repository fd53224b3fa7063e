#include "datasets/jsonl.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

JsonlLine parse_line(std::string_view line, std::string where, const JsonlLimits& limits) {
  if (line.size() > limits.max_line_bytes) {
    throw Error(ErrorCode::kCorruptFile,
                "line is longer than " + std::to_string(limits.max_line_bytes) +
                    " bytes: " + where + ": " + std::to_string(line.size()) + " bytes");
  }
  JsonlLine result{parse_json(line, where), std::move(where)};
  const JsonFields must_be_object(result.object, result.where);
  return result;
}

}  // namespace

std::vector<JsonlLine> parse_jsonl(std::string_view text, const std::string& where,
                                   const JsonlLimits& limits) {
  std::vector<JsonlLine> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    ++number;
    if (is_blank(line)) continue;
    if (lines.size() == limits.max_lines) {
      throw Error(ErrorCode::kCorruptFile,
                  "more than " + std::to_string(limits.max_lines) + " lines: " + where);
    }
    lines.push_back(parse_line(line, where + ":" + std::to_string(number), limits));
  }
  return lines;
}

std::vector<JsonlLine> read_jsonl_file(const std::filesystem::path& path,
                                       const JsonlLimits& limits) {
  return parse_jsonl(read_text_file(path, limits.max_file_bytes), path.string(), limits);
}

}  // namespace vlm
