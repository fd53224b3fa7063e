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

// One execution of a layer. The residual stream is multiplied by `scale` before it, as in
// data-flow-space merging (Akiba et al. 2024, section 3.2).
struct LayerHop {
  std::size_t layer = 0;
  float scale = 1.0F;
};

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
  // An empty path executes layers 0 ... num_layers - 1 once. Throws Error{kInvalidArgument} for a
  // path that names a layer that does not exist or a scale that is not finite. Every weight must
  // have the shape the config gives it. The weights' owner must outlive the decoder.
  Decoder(const DecoderConfig& config, DecoderWeights weights, std::vector<LayerHop> path = {});

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  [[nodiscard]] const DecoderWeights& weights() const noexcept { return weights_; }
  [[nodiscard]] const std::vector<LayerHop>& path() const noexcept { return path_; }
  // An empty cache for one sequence.
  [[nodiscard]] KvCache make_cache() const { return {path_.size(), config_.kv_width()}; }

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
  void mlp(const DecoderLayerWeights& layer, MatrixView<float> hidden, DecoderScratch& scratch,
           ThreadPool& pool) const;

  DecoderConfig config_;
  DecoderWeights weights_;
  std::vector<LayerHop> path_;
  std::vector<float> inverse_frequencies_;  // [head_dim / 2], of sequences in the trained context
};

}  // namespace vlm
