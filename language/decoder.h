#pragma once

// The decoder of Mistral, Llama and Qwen2: RMSNorm, grouped-query attention with rotary positions
// and optional sliding windows, SwiGLU. Jiang et al. 2023, "Mistral 7B"; hf: MistralModel,
// LlamaModel, Qwen2Model.
//
// Batches are ragged: the rows of all sequences lie one after another in one matrix, without
// padding, and every linear layer is one product over all rows. Results do not depend on the number
// of threads.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder_config.h"
#include "language/decoder_scratch.h"
#include "language/decoder_weights.h"
#include "language/kv_cache.h"
#include "language/token_id.h"
#include "tensor/matrix_view.h"

namespace vlm {

// The rows of one sequence's new tokens; they follow the tokens its cache holds.
struct SequenceRows {
  KvCache* cache = nullptr;
  std::size_t first_row = 0;
  std::size_t num_rows = 0;
};

// Sees the residual stream [rows, hidden] after hop number `hop`.
using HiddenObserver = std::function<void(std::size_t hop, MatrixView<const float> hidden)>;

// Immutable: different threads may run it at once, each with its own caches and scratch.
class Decoder {
 public:
  // Executes config.path, which config() then shows written out. Throws Error{kInvalidArgument} for
  // a path that names a layer that does not exist or a scale that is not finite. Every weight must
  // have the shape the config gives it. The weights' owner must outlive the decoder.
  Decoder(const DecoderConfig& config, DecoderWeights weights);

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  [[nodiscard]] const DecoderWeights& weights() const noexcept { return weights_; }
  // Elements of the matrices that a token is multiplied by.
  [[nodiscard]] std::size_t num_weights() const noexcept;
  // Never empty.
  [[nodiscard]] const std::vector<LayerHop>& hops() const noexcept { return config_.path.hops; }
  // An empty cache for one sequence.
  [[nodiscard]] KvCache make_cache() const { return {hops().size(), config_.kv_width()}; }

  // Writes the embeddings of `ids` to out [ids, hidden].
  // Throws Error{kInvalidArgument} for an id outside the vocabulary.
  void embed(std::span<const TokenId> ids, MatrixView<float> out) const;

  // Runs all hops. hidden [rows, hidden]: embeddings in, residual stream before the final norm out.
  // The caches grow by the sequences' rows. REQUIRES: every cache occurs once, and is from
  // make_cache() of a decoder with the same config and path length; rows lie inside `hidden`.
  void forward(MatrixView<float> hidden, std::span<const SequenceRows> sequences,
               DecoderScratch& scratch, ThreadPool& pool,
               const HiddenObserver& observer = {}) const;

  // The final norm of hidden [rows, hidden], into out [rows, hidden].
  void final_norm(MatrixView<const float> hidden, MatrixView<float> out) const noexcept;

  // Final norm and head: hidden [rows, hidden] to out [rows, vocab].
  void logits(MatrixView<const float> hidden, MatrixView<float> out, DecoderScratch& scratch,
              ThreadPool& pool) const;

 private:
  // Makes room in a sequence's cache and computes the angles of its rows.
  void prepare(const SequenceRows& sequence, std::size_t num_rows, DecoderScratch& scratch) const;
  void attention(std::size_t hop, MatrixView<float> hidden, std::span<const SequenceRows> sequences,
                 DecoderScratch& scratch, ThreadPool& pool) const;
  void mlp(std::size_t hop, MatrixView<float> hidden, DecoderScratch& scratch,
           ThreadPool& pool) const;
  // What the residual stream before a hop and the output of its MLP are multiplied by.
  [[nodiscard]] float stream_scale(std::size_t hop) const noexcept;
  [[nodiscard]] float mlp_scale(std::size_t hop) const noexcept;

  DecoderConfig config_;
  DecoderWeights weights_;
  std::vector<float> inverse_frequencies_;  // [head_dim / 2], of sequences in the trained context
};

}  // namespace vlm
