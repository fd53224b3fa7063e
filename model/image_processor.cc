#include "model/image_processor.h"

#include <utility>

#include "core/error.h"

namespace vlm {

ImageProcessorJson read_image_processor(const std::filesystem::path& directory) {
  constexpr const char* kKey = "image_processor";
  const std::filesystem::path processor = directory / "processor_config.json";
  if (std::filesystem::exists(processor)) {
    Json json = read_json_file(processor);
    const JsonFields fields(json, processor.string());
    if (fields.has(kKey)) return {std::move(json[kKey]), processor.string() + ": " + kKey};
  }
  const std::filesystem::path file = directory / "preprocessor_config.json";
  if (!std::filesystem::exists(file)) {
    throw Error(ErrorCode::kNotFound, "no image processor: " + directory.string() +
                                          ": neither preprocessor_config.json nor "
                                          "'image_processor' in processor_config.json");
  }
  return {read_json_file(file), file.string()};
}

}  // namespace vlm
