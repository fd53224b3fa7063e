#pragma once

// Rules that change the scores of the next token before one is chosen.
// Behaviour of transformers' LogitsProcessor classes.

#include <cstddef>
#include <limits>
#include <span>

#include "language/generation_options.h"
#include "language/token_id.h"
#include "tensor/matrix_view.h"

namespace vlm {

// The score of a token that cannot be chosen.
inline constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// Divides positive and multiplies negative scores of the tokens in `ids` by `penalty`, once per
// token. Keskar et al. 2019, section 4.1; hf: RepetitionPenaltyLogitsProcessor.
// Ids outside `scores` [vocab] are ignored.
void penalize_repetition(std::span<float> scores, std::span<const TokenId> ids, double penalty);

// Forbids (-infinity) every token that would complete an n-gram which `ids` already holds.
// hf: NoRepeatNGramLogitsProcessor. n = 0: nothing.
void forbid_repeated_ngrams(std::span<float> scores, std::span<const TokenId> ids, std::size_t n);

// Throws Error{kCorruptFile} if one of the logits [rows, vocab] is NaN: from such a model nothing
// can be chosen.
void refuse_nan(MatrixView<const float> logits);

// All rules of the options. ids: prompt and output so far; num_new: how many of them are output.
void apply_rules(const GenerationOptions& options, std::span<const TokenId> ids,
                 std::size_t num_new, std::span<float> scores);

}  // namespace vlm
