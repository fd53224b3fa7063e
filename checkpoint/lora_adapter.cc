#include "checkpoint/lora_adapter.h"

#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

std::filesystem::path require_weights(const std::filesystem::path& directory) {
  std::filesystem::path file = directory / "adapter_model.safetensors";
  std::error_code error;
  if (!std::filesystem::exists(file, error) &&
      std::filesystem::exists(directory / "adapter_model.bin", error)) {
    throw Error(ErrorCode::kUnsupported, "adapters are read from adapter_model.safetensors: " +
                                             directory.string() + ": only adapter_model.bin");
  }
  return file;
}

}  // namespace

LoraAdapter::LoraAdapter(const std::filesystem::path& directory)
    : directory_(directory),
      config_file_(file_state(directory / "adapter_config.json")),
      config_(parse_lora_config(read_text_file(directory / "adapter_config.json"),
                                (directory / "adapter_config.json").string())),
      file_(require_weights(directory)) {
  std::vector<AdapterTensor> tensors;
  for (const SafetensorsEntry& entry : file_.entries()) {
    tensors.push_back({entry.name, file_.view(entry)});
  }
  updates_ = read_lora_updates(config_, tensors);
}

}  // namespace vlm
