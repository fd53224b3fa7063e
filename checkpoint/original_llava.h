#pragma once

// config.json of the original LLaVA 1.5 and 1.6, as haotian-liu/LLaVA writes it: the keys of the
// language model at the top level, beside those of the projector (`mm_*`); the vision tower is
// another model, which `mm_vision_tower` names. Read as transformers' conversion
// (convert_llava_weights_to_hf.py, convert_llava_next_weights_to_hf.py) reads it.

#include <array>
#include <filesystem>
#include <string>

#include "core/json_fields.h"

namespace vlm {

inline constexpr std::array kOriginalLlavaArchitectures{"LlavaLlamaForCausalLM",
                                                        "LlavaMistralForCausalLM"};

// Whether architectures[0] is one of those, or without architectures `model_type` llava_llama or
// llava_mistral.
bool is_original_llava(const Json& config);

// The architecture. REQUIRES: is_original_llava(config).
std::string architecture_of_original_llava(const Json& config);

// The model that config.json in `directory` names as vision tower: a directory, relative to
// `directory`, or else a hub id in the local cache.
// Throws Error{kNotFound, kCorruptFile} naming what was looked for.
std::filesystem::path find_tower_directory(const JsonFields& config,
                                           const std::filesystem::path& directory);
// Whether it names a directory.
bool names_tower_directory(const JsonFields& config, const std::filesystem::path& directory);

// The same config as llava-hf models have it, with `text_config` and `vision_config`: of LLaVA 1.6
// if `image_aspect_ratio` is anyres, else of LLaVA 1.5. `tower` is the config.json of the vision
// tower, a CLIP model. `mm_projector_type` is kept (projector/projector.h).
// Throws Error{kCorruptFile}, Error{kUnsupported} for what these models do not have: other
// projectors, ways to show a picture, or towers. REQUIRES: is_original_llava(config).
Json hub_config(const JsonFields& config, const JsonFields& tower);

}  // namespace vlm
