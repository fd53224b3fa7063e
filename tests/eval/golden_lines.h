#pragma once

// The golden files of tests/data/eval.

#include <string>
#include <vector>

#include "core/json_fields.h"
#include "datasets/jsonl.h"

namespace vlm {

inline std::vector<JsonlLine> golden_lines(const std::string& name) {
  return read_jsonl_file(std::string(VLM_TEST_DATA) + "/eval/" + name);
}

inline Json golden_json(const std::string& name) {
  return read_json_file(std::string(VLM_TEST_DATA) + "/eval/" + name);
}

inline std::string bundled_language_model() {
  return std::string(VLM_PROJECT_DIR) + "/datasets/lid/lid.176.ftz";
}

}  // namespace vlm
