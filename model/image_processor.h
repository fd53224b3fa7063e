#pragma once

// The description of how a model's pictures are prepared.

#include <filesystem>
#include <string>

#include "core/json_fields.h"

namespace vlm {

struct ImageProcessorJson {
  Json json;
  std::string where;  // for messages
};

// `image_processor` of the directory's processor_config.json, where transformers 5 writes it, else
// preprocessor_config.json; that order is transformers' (5.24, get_image_processor_dict).
// Throws Error{kNotFound} if neither is there, Error{kIo, kCorruptFile}.
ImageProcessorJson read_image_processor(const std::filesystem::path& directory);

}  // namespace vlm
