#pragma once

// Which tokens the result of a merge has that names its tokenizer.

#include <cstddef>
#include <vector>

#include "checkpoint/token_table.h"
#include "merge/tokenizer_files.h"
#include "merge/tokenizer_rule.h"

namespace vlm {

struct OutputVocabulary {
  std::size_t owner = 0;  // the input whose tokenizer files the result takes
  TokenTable tokens;      // of the result
  NewTokens added;        // those that the owner does not have
  std::size_t num_rows = 0;
};

// The tokens of the owner's tokenizer keep their ids. Behind them come, for a union, the tokens
// that other inputs have a row for: first the ordinary ones, input by input in the order of their
// ids, then the added ones; at last those that only the rule names. As mergekit, whose order of the
// ordinary ones is another in every run. `tables` and `num_rows` (of the embedding) are parallel to
// the inputs; `owner` is the config donor's index, or that of the rule's model.
OutputVocabulary make_output_vocabulary(const TokenizerRule& rule,
                                        const std::vector<TokenTable>& tables,
                                        const std::vector<std::size_t>& num_rows,
                                        std::size_t owner);

}  // namespace vlm
