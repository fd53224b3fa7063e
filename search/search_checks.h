#pragma once

// What a search needs at its end, looked at before it begins.

#include <cstddef>
#include <filesystem>

#include "merge/model_pool.h"
#include "search/search_config.h"

namespace vlm {

// Loads the items of objectives and test benchmarks and opens (or plans) every model to compare
// with. Throws what these throw; Error{kInvalidArgument} if a test benchmark has the items of an
// objective under another name, a metric of numbers meets an item without one, or a model does not
// fit into config.memory_bytes.
void require_sound_end(const SearchConfig& config, ModelPool& models,
                       const std::filesystem::path& data_root, std::size_t num_threads);

}  // namespace vlm
