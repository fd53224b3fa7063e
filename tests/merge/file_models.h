#pragma once

// Models of a folder, by their paths in it.

#include <filesystem>
#include <string>

#include "checkpoint/file_checkpoint.h"
#include "merge/model_pool.h"

namespace vlm {

inline ModelPool file_models(const std::filesystem::path& folder = VLM_TEST_DATA) {
  return {[](const std::string& model) { return FileCheckpoint::open(model); }, folder};
}

}  // namespace vlm
