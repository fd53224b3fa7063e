#pragma once

// From where each row of embeddings and head comes when models are aligned to one vocabulary.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/token_table.h"
#include "merge/tokenizer_rule.h"

namespace vlm {

struct RowPlace {
  std::uint32_t input = 0;
  std::uint32_t row = 0;
};

// What a model gets for a token: its own row unless there is none or the token is forced, else the
// mean of `others` (zeros if there are none).
struct RowOrigin {
  bool is_token = false;  // false: padding, which gets the mean of all rows that are tokens
  bool is_forced = false;
  std::vector<RowPlace> others;
};

// An input as the rules see it.
struct VocabularyInput {
  std::string name;  // as in the recipe
  const TokenTable* tokens = nullptr;
  std::size_t num_rows = 0;  // of its embedding; tokens beyond have no row
  bool takes_part = true;    // is one of the models whose rows are merged, or the base

  // The token's row.
  [[nodiscard]] std::optional<std::uint32_t> row_of(const std::string& token) const;
};

// The origins of `num_rows` rows for `tokens`, as mergekit's: of a token that the rule gives no
// source the row of the only model that has it, else that of the base, else the mean of the models
// that have it, else zeros. Only inputs that take part count; `base` is an index of `inputs`.
// Throws Error{kInvalidArgument} naming a source that is not among them or lacks the token; `where`
// is the recipe.
std::vector<RowOrigin> find_row_origins(const TokenizerRule& rule, const TokenTable& tokens,
                                        std::size_t num_rows,
                                        const std::vector<VocabularyInput>& inputs,
                                        std::optional<std::size_t> base, const std::string& where);

}  // namespace vlm
