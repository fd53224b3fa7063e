#pragma once

// How to continue a prompt. Names and meaning follow transformers' GenerationConfig.

#include <cstddef>
#include <string>
#include <vector>

#include "language/token_id.h"

namespace vlm {

struct GenerationOptions {
  std::size_t max_tokens = 256;  // new tokens, the end token not counted
  std::size_t min_tokens = 0;    // the end token is forbidden before so many
  std::size_t num_beams = 1;     // 1: greedy
  double length_penalty = 1.0;   // beam scores are divided by length ^ length_penalty
  bool early_stopping = false;   // beam search ends when num_beams hypotheses are complete
  double repetition_penalty = 1.0;
  std::size_t no_repeat_ngram = 0;  // 0: off
  std::vector<TokenId> eos_ids;     // any of them ends a text
  std::vector<std::string> stop;    // the text is cut before the first of them; greedy only
};

// Throws Error{kInvalidArgument} naming the option: max_tokens or num_beams zero or absurd,
// penalties that are not finite and positive, an empty stop text, stop texts with beams.
void validate(const GenerationOptions& options);

}  // namespace vlm
