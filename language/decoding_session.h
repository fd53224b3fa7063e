#pragma once

// One step of several sequences through a decoder, with the buffers for it.

#include <cstddef>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generation_prompt.h"
#include "tensor/matrix.h"

namespace vlm {

// A sequence and the token that is appended to it.
struct NextToken {
  KvCache* cache = nullptr;
  TokenId id = 0;
};

// A sequence whose prompt is read; its cache may hold the first tokens already, but not all.
struct NewSequence {
  KvCache* cache = nullptr;
  const GenerationPrompt* prompt = nullptr;
};

// Not thread-safe: one for each batch in flight. `decoder` and `pool` must outlive it.
class DecodingSession {
 public:
  DecodingSession(const Decoder& decoder, ThreadPool& pool) : decoder_(&decoder), pool_(&pool) {}

  // Runs tokens and prompts together: the weights are read once for all of them. Returns the logits
  // after the last token of each sequence, [running + starting, vocab], valid until the next step.
  // Throws Error{kCorruptFile} if a logit is NaN. REQUIRES: checked prompts; every cache occurs
  // once; at least one sequence.
  MatrixView<float> step(std::span<const NextToken> running, std::span<const NewSequence> starting);

 private:
  const Decoder* decoder_;
  ThreadPool* pool_;
  DecoderScratch scratch_;
  std::vector<SequenceRows> sequences_;
  Matrix<float> hidden_;  // [rows, hidden]
  Matrix<float> last_;    // [sequences, hidden]
  Matrix<float> logits_;  // [sequences, vocab]
};

}  // namespace vlm
