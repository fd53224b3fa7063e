#pragma once

// A low-rank adapter as PEFT writes it: a directory with adapter_config.json and
// adapter_model.safetensors. Hu et al., ICLR 2022, "LoRA: low-rank adaptation of large language
// models", section 4.1: W' = W + s B A.

#include <filesystem>
#include <vector>

#include "checkpoint/lora_config.h"
#include "checkpoint/lora_updates.h"
#include "checkpoint/safetensors.h"
#include "core/file_state.h"

namespace vlm {

// Immutable after construction; may be used from several threads at once.
class LoraAdapter {
 public:
  // Reads the config and the file's header. Throws Error{kNotFound, kIo}, and what
  // parse_lora_config() and read_lora_updates() throw.
  explicit LoraAdapter(const std::filesystem::path& directory);

  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] const LoraConfig& config() const noexcept { return config_; }
  // When they were opened: both say what the adapter adds, the config by its factors.
  [[nodiscard]] const FileState& config_file() const noexcept { return config_file_; }
  [[nodiscard]] const FileState& weight_file() const noexcept { return file_.state(); }
  // As read_lora_updates() gives them; their views end with this object.
  [[nodiscard]] const std::vector<LoraUpdate>& updates() const noexcept { return updates_; }

 private:
  std::filesystem::path directory_;
  FileState config_file_;
  LoraConfig config_;
  SafetensorsFile file_;
  std::vector<LoraUpdate> updates_;
};

}  // namespace vlm
