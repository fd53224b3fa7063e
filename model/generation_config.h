#pragma once

// generation_config.json: how a model's makers say that it should continue prompts.

#include <filesystem>

#include "language/generation_options.h"

namespace vlm {

// The options that the file of a model directory names, read as transformers does; all others, and
// all without a file, keep the values of GenerationOptions. Unless `do_sample` is true the
// temperature is 0 and top_k, top_p and min_p are not read; if it is true and top_k is absent it is
// 50. Not read: eos_token_id (Model::end_ids), max_length and min_length, which count the prompt.
// Throws Error{kCorruptFile} naming the file, Error{kUnsupported} naming also the key and the value
// for what would change answers and is not done here, such as suppress_tokens.
GenerationOptions generation_defaults(const std::filesystem::path& model_directory);

}  // namespace vlm
