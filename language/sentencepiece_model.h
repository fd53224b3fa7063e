#pragma once

// A SentencePiece model (tokenizer.model). Kudo & Richardson, EMNLP 2018.

#include <filesystem>
#include <memory>
#include <string_view>

#include "language/subword_model.h"

namespace vlm {

// Parses the bytes of a tokenizer.model; `where` is for messages.
// Throws Error{kCorruptFile}.
std::unique_ptr<SubwordModel> parse_sentencepiece_model(std::string_view bytes,
                                                        const std::filesystem::path& where);

}  // namespace vlm
