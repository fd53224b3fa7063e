#pragma once

// Feeding prompts and single tokens of several sequences to a decoder, with the buffers for it.

#include <cstddef>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generation_prompt.h"
#include "tensor/matrix.h"

namespace vlm {

// Not thread-safe: one for each batch in flight. `decoder` and `pool` must outlive it.
class DecodingSession {
 public:
  DecodingSession(const Decoder& decoder, ThreadPool& pool) : decoder_(&decoder), pool_(&pool) {}

  // Runs whole prompts into their empty caches and returns the logits after each prompt's last
  // token: [prompts, vocab]. REQUIRES: checked prompts, one cache for each.
  MatrixView<float> start(std::span<const GenerationPrompt* const> prompts,
                          std::span<KvCache* const> caches);
  // Appends one token to each sequence and returns the logits after it: [ids, vocab].
  MatrixView<float> advance(std::span<const TokenId> ids, std::span<KvCache* const> caches);

 private:
  // Runs the prompts and writes the last residual row of each to `last` [prompts, hidden].
  void run_prompts(std::span<const GenerationPrompt* const> prompts,
                   std::span<KvCache* const> caches, MatrixView<float> last);
  MatrixView<float> logits(MatrixView<const float> hidden);

  const Decoder* decoder_;
  ThreadPool* pool_;
  DecoderScratch scratch_;
  std::vector<SequenceRows> sequences_;
  Matrix<float> step_;    // [sequences, hidden]
  Matrix<float> logits_;  // [sequences, vocab]
};

}  // namespace vlm
