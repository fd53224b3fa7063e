#pragma once

// Greedy continuation of a batch of prompts: the most probable token at every step.

#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generate.h"

namespace vlm {

// Equal scores: the smallest id. `tokenizer` may be null; then texts stay empty and there must be
// no stop texts. REQUIRES: checked prompts and options.
std::vector<Generation> greedy_search(const Decoder& decoder, const Tokenizer* tokenizer,
                                      std::span<const GenerationPrompt* const> prompts,
                                      const GenerationOptions& options, ThreadPool& pool);

}  // namespace vlm
