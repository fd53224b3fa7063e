#pragma once

// The tokenizer files of a merge with a vocabulary of its own.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/token_table.h"
#include "merge/side_file_changes.h"

namespace vlm {

// Tokens that a tokenizer gets besides its own, by id.
using NewTokens = std::map<std::size_t, Token>;

// Changes `donor`'s side files so that the tokenizer is that of `owner` (with its chat template and
// generation config, which speak of its tokens) and has `added` besides, as added tokens. They are
// entered in tokenizer.json, in added_tokens.json if there is one, and in the added_tokens_decoder
// of tokenizer_config.json if there is one or no tokenizer.json. Throws Error{kIo, kNotFound,
// kCorruptFile}.
SideFileChanges change_tokenizer(const std::filesystem::path& donor,
                                 const std::filesystem::path& owner, const NewTokens& added);

// A tokenizer.json with further added tokens; everything else stays as it is, in its order.
// REQUIRES: JSON. Throws Error{kCorruptFile} if `added_tokens` is no list.
std::string with_added_tokens(const std::string& tokenizer_json, const std::string& where,
                              const NewTokens& added);

}  // namespace vlm
