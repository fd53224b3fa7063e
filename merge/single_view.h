#pragma once

// A LLaVA 1.6 model as one of LLaVA 1.5, which sees a picture once and not in tiles: how SakanaAI
// ran LLaVA 1.6 and published EvoVLM-JP (config.json names LlavaForConditionalGeneration).

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "checkpoint/model_config.h"

namespace vlm {

// The config of the same model under the architecture of LLaVA 1.5.
// Throws Error{kInvalidArgument} unless it is one of LLaVA 1.6.
ModelConfig single_view_config(ModelConfig config);

// Whether a tensor (canonical name) serves tiles alone.
bool is_of_tiles(std::string_view name) noexcept;

// Those side files of a directory that name processors of LLaVA 1.6, naming those of 1.5: name ->
// content. Throws Error{kCorruptFile, kIo}.
std::map<std::string, std::string> single_view_side_files(const std::filesystem::path& directory);

}  // namespace vlm
