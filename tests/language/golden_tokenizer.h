#pragma once

// The golden files of tests/data/language/tokenizer.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

inline const std::filesystem::path kGoldenTokenizers =
    std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer";

inline std::vector<Json> golden_tokenizer_lines(const std::string& name) {
  std::ifstream file(kGoldenTokenizers / name);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

}  // namespace vlm
