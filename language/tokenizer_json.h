#pragma once

// A Hugging Face tokenizer.json as its parts.

#include <filesystem>
#include <string>
#include <vector>

#include "language/added_tokens.h"
#include "language/bpe_model.h"
#include "language/post_processor.h"
#include "language/pre_tokenizer.h"
#include "language/text_normalizer.h"
#include "language/token_decoder.h"

namespace vlm {

struct TokenizerJson {
  TextNormalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  TokenDecoder decoder;
  std::vector<AddedToken> added;
  Surroundings surroundings;
};

// Reads a tokenizer.json with a BPE model; "truncation" and "padding" do not count.
// Throws Error{kIo, kCorruptFile}, Error{kUnsupported} for a construct that is not built.
TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

// Throws Error{kCorruptFile} unless every added token has one id, which is that of the vocabulary
// if it is in there too, and no other token has.
void check_added_tokens(const std::vector<AddedToken>& tokens, const BpeModel& model,
                        const std::string& where);

}  // namespace vlm
