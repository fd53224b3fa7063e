#pragma once

// Continuing prompts with a decoder: greedy, sampled or beam search, many prompts at a time.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generation_options.h"
#include "language/generation_prompt.h"
#include "language/token_id.h"
#include "language/tokenizer.h"
#include "tensor/matrix_view.h"

namespace vlm {

enum class FinishReason : std::uint8_t { kEndToken, kStopText, kLength };

struct Generation {
  std::vector<TokenId> ids;  // new ids without the end token
  std::string text;          // decoded without special tokens, cut before a stop text
  double score = 0.0;        // sum of log-probabilities in the distribution that was chosen from;
                             // in beam search length-normalised
  FinishReason finish = FinishReason::kLength;
};

// Receives texts while they grow: the number of a prompt and a piece of its text, whole characters.
// The pieces of a prompt, joined, are its Generation::text; a beam search gives it in one piece.
// Pieces of different prompts may come from several threads at a time.
using TextSink = std::function<void(std::size_t prompt, const std::string& piece)>;

struct BatchOptions {
  std::size_t batch_size = 16;  // prompts decoded together, at most
  // For keys and values; fewer prompts are decoded together if they would take more.
  std::size_t cache_bytes = std::numeric_limits<std::size_t>::max();
  TextSink on_text = {};
};

// The least BatchOptions::cache_bytes for prompts of up to `prompt_tokens` tokens: one that runs
// and one that has ended.
std::size_t least_cache_bytes(const DecoderConfig& config, std::size_t prompt_tokens,
                              const GenerationOptions& options);

// Continues every prompt; results are in the order of the prompts. A prompt takes the place of one
// that has ended, and prompts that begin alike share that work (language/batch_engine.h).
// Throws Error{kInvalidArgument} for bad options, an empty prompt, an id outside the vocabulary, or
// embedded rows that lie outside the prompt or have the wrong width, or if
// batch.cache_bytes is less than the least for the longest prompt.
std::vector<Generation> generate(const Decoder& decoder, const Tokenizer& tokenizer,
                                 std::span<const GenerationPrompt> prompts,
                                 const GenerationOptions& options, const BatchOptions& batch,
                                 ThreadPool& pool);

// The same without text: for decoders that have no tokenizer. Stop texts are refused.
// REQUIRES: no batch.on_text.
std::vector<Generation> generate_ids(const Decoder& decoder,
                                     std::span<const GenerationPrompt> prompts,
                                     const GenerationOptions& options, const BatchOptions& batch,
                                     ThreadPool& pool);

}  // namespace vlm
