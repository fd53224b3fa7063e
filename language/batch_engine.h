#pragma once

// Continuous batching: searches for many prompts, a bounded number of sequences at a time. A prompt
// starts as soon as another one has ended, in the same pass through the weights as the tokens of
// those that run, and takes the keys and values of a prefix that it shares with one of these.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/decoding_session.h"
#include "language/generation_prompt.h"

namespace vlm {

// The search for the continuation of one prompt. All its caches begin with the prompt.
class PromptSearch {
 public:
  PromptSearch() = default;
  virtual ~PromptSearch() = default;
  PromptSearch(const PromptSearch&) = delete;
  PromptSearch& operator=(const PromptSearch&) = delete;
  PromptSearch(PromptSearch&&) = delete;
  PromptSearch& operator=(PromptSearch&&) = delete;

  // The cache that reads the prompt, and later one of those it has become.
  virtual KvCache& cache() = 0;
  // Appends the sequences that go on, each with its next token.
  virtual void append_next(std::vector<NextToken>& next) = 0;
  // Takes the logits [sequences, vocab] after the prompt (one row) or after the tokens of
  // append_next(), and may change them. Other searches may do so at the same time.
  virtual void choose(MatrixView<float> logits) = 0;
  // Returns whether the search goes on. Called once after each choose(), in the order of prompts.
  virtual bool advance() = 0;
};

struct PromptBatch {
  std::span<const GenerationPrompt* const> prompts;  // checked; those that begin alike together
  std::size_t at_once = 1;                           // how many of them run together, at most
};

struct BatchWork {
  PromptBatch batch;
  std::function<std::unique_ptr<PromptSearch>(std::size_t prompt)> begin;
  std::function<void(std::size_t prompt, PromptSearch& search)> end;  // when it goes on no more
};

// Returns when all prompts have ended. Which prompts run together follows from the prompts and the
// searches alone.
void run_batch(const Decoder& decoder, const BatchWork& work, ThreadPool& pool);

}  // namespace vlm
