#pragma once

// Where the bundled models (zoo/) and benchmarks (datasets/) are.

#include <filesystem>

namespace vlm {

// The folder that holds zoo/ and datasets/: the environment variable VLM_MERGE_HOME if set, else
// the nearest of: the folders above the running program, share/vlm-merge beside its bin/, the
// current directory. Throws Error{kNotFound} naming what was tried.
std::filesystem::path find_data_root();

// The model `caption` uses when none is given: zoo/models/evo-vlm under the data root.
std::filesystem::path bundled_vision_language_model();

}  // namespace vlm
