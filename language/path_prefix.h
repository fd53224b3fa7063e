#pragma once

// A prompt after the first hops of a path, to be continued along other paths that begin alike. In a
// search over paths the layers at the beginning are often frozen; they then run once for each
// prompt, not once for each candidate.

#include <cstddef>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/generation_prompt.h"
#include "tensor/matrix.h"

namespace vlm {

// Immutable: may be continued from several threads at once.
class PathPrefix {
 public:
  // Runs the first `num_hops` hops of `decoder` over a prompt. REQUIRES: a checked prompt; num_hops
  // is smaller than the number of hops.
  PathPrefix(const Decoder& decoder, std::size_t num_hops, const GenerationPrompt& prompt,
             DecoderScratch& scratch, ThreadPool& pool);

  [[nodiscard]] std::size_t num_hops() const noexcept { return cache_.num_hops(); }
  [[nodiscard]] std::size_t num_tokens() const noexcept { return hidden_.rows(); }
  // Whether the path of `decoder` begins with these hops, scaled alike, and goes on behind them.
  [[nodiscard]] bool begins(const Decoder& decoder) const;

  // What Decoder::forward() makes of the prompt and an empty cache, bit for bit: the residual
  // stream [tokens, hidden] before the final norm, and the tokens in the cache. REQUIRES:
  // begins(decoder); the weights of its layers in these hops are those the prefix was made with.
  Matrix<float> continue_along(const Decoder& decoder, KvCache& cache, DecoderScratch& scratch,
                               ThreadPool& pool) const;

 private:
  std::vector<LayerHop>
      hops_;  // one more than executed: the next scale may be part of the last MLP
  HopScaling scaling_;
  KvCache cache_;         // of the executed hops
  Matrix<float> hidden_;  // [tokens, hidden], before the scale of the next hop
};

}  // namespace vlm
