#pragma once

// The JSON files beside tokenizer.model: which tokens were added, and which play a special part.

#include <filesystem>

#include "language/subword_model.h"
#include "language/tokenizer.h"

namespace vlm {

struct TokenizerSettings {
  AddedTokens added;
  Tokenizer::Roles roles;
};

// Reads tokenizer_config.json, added_tokens.json and special_tokens_map.json of a model directory;
// each may be missing, then the defaults of LlamaTokenizer hold. Control tokens of `model` count as
// added. Throws Error{kCorruptFile, kIo, kUnsupported}.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& model_directory,
                                          const SubwordModel& model);

}  // namespace vlm
