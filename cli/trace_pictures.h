#pragma once

// The pictures of a trace's input: files, or pixel values that another program has made.

#include <filesystem>
#include <vector>

#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "model/vision_tower.h"

namespace vlm {

// `images`, or `pixel_values` and `image_sizes`, of a trace input whose files are relative to
// `folder`; none if it has neither. docs/formats.md describes them. Throws Error.
std::vector<PictureViews> read_trace_pictures(const JsonFields& input, const VisionTower& tower,
                                              const std::filesystem::path& folder,
                                              ThreadPool& pool);

}  // namespace vlm
