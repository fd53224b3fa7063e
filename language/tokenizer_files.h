#pragma once

// The JSON files beside a vocabulary: which tokens were added, and which play a special part.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "language/added_tokens.h"
#include "language/tokenizer.h"

namespace vlm {

// What the vocabulary's own file says.
struct KnownTokens {
  std::vector<AddedToken> added;
  std::function<std::optional<TokenId>(std::string_view text)> find;  // in the vocabulary
};

struct TokenizerSettings {
  std::vector<AddedToken> added;
  Tokenizer::Roles roles;  // what is put around a text is left open
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  bool legacy = true;  // see BlankRule
  std::string unknown;
};

// Reads tokenizer_config.json, added_tokens.json and special_tokens_map.json of a model directory;
// each may be missing, then the defaults of LlamaTokenizer hold. The files' flags of a token count
// more than those in `known`. Throws Error{kCorruptFile, kIo}.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& model_directory,
                                          const KnownTokens& known);

// A number from a file as an id. Throws Error{kCorruptFile} if it is too large.
TokenId checked_token_id(std::size_t id, const std::string& where);

}  // namespace vlm
