#pragma once

// Continuing a batch of prompts one token after the other: at every step the most probable token
// (greedy search) or, with a temperature, one that is drawn.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "language/batch_engine.h"
#include "language/decoder.h"
#include "language/generate.h"

namespace vlm {

// Called with the place of a prompt in the batch and a piece of its text.
using BatchTextSink = std::function<void(std::size_t index, const std::string& piece)>;

// Greedy, equal scores: the smallest id. `tokenizer` may be null;
// then texts stay empty and there must be neither stop texts nor a sink. REQUIRES: checked prompts
// and options.
std::vector<Generation> token_search(const Decoder& decoder, const Tokenizer* tokenizer,
                                     const PromptBatch& batch, const GenerationOptions& options,
                                     const BatchTextSink& on_text, ThreadPool& pool);

}  // namespace vlm
