#pragma once

// The log-likelihood of given continuations: multiple choice, and how well a text is predicted.

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generation_prompt.h"

namespace vlm {

struct ScoringRequest {
  GenerationPrompt prompt;
  std::vector<std::vector<TokenId>> continuations;
};

struct ContinuationScore {
  double log_likelihood = 0.0;  // sum over the tokens of ln p(token | all before it)
  std::size_t num_tokens = 0;
  bool is_greedy = true;  // no token is less likely than another one: greedy search finds it

  bool operator==(const ContinuationScore&) const = default;
};

// The scores of every request's continuations, in their order. The tokens of a prompt are computed
// once for all its continuations. Requests run in parallel, so few that their activations, keys and
// values take at most `memory_bytes`; the score of a continuation depends on its own request alone,
// and not on the order of continuations or on threads.
// Throws Error{kInvalidArgument} for what check_prompt() refuses, a continuation without a token,
// an id outside the vocabulary, or a request that needs more than `memory_bytes`.
std::vector<std::vector<ContinuationScore>> score_continuations(
    const Decoder& decoder, std::span<const ScoringRequest> requests, ThreadPool& pool,
    std::size_t memory_bytes = std::numeric_limits<std::size_t>::max());

}  // namespace vlm
