#pragma once

// `tokenizer_source` and `tokenizer` of a recipe: which tokens the result has, and from where the
// rows come that a model lacks.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vlm {

enum class VocabularySource : std::uint8_t {
  kBase,   // the tokenizer of the config donor
  kUnion,  // the same, and every other model's further tokens behind it
  kModel   // the tokenizer of a named model
};

enum class RowSource : std::uint8_t {
  kDefault,    // as for any token
  kZero,       // zeros
  kModel,      // the token's row in a model
  kModelToken  // the row of another token (or id) of a model
};

// What a recipe says of one token. A token that no tokenizer has is added.
struct TokenRule {
  std::string token;
  RowSource source = RowSource::kDefault;
  std::string model;                    // kModel, kModelToken
  std::optional<std::string> of_token;  // kModelToken: this or the id
  std::optional<std::size_t> of_id;
  bool is_forced = false;  // models that have the token get the row as well

  bool operator==(const TokenRule&) const = default;
};

struct TokenizerRule {
  VocabularySource source = VocabularySource::kUnion;
  std::string model;  // kModel
  std::vector<TokenRule> tokens;
  std::size_t multiple = 1;  // rows are added until their number is a multiple of this

  bool operator==(const TokenizerRule&) const = default;
};

}  // namespace vlm
