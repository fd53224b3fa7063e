#include "language/decoder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "tensor/activation.h"
#include "tensor/addition.h"
#include "tensor/attention.h"
#include "tensor/normalization.h"
#include "tensor/rope.h"
#include "tensor/row_ranges.h"

namespace vlm {
namespace {

void check_linear(const LinearWeights& linear, std::size_t out, std::size_t in, bool biased) {
  check(has_shape(linear, out, in, biased), "Decoder: a weight's shape equals the config's");
}

void check_layer(const DecoderLayerWeights& layer, const DecoderConfig& config) {
  check(layer.input_norm.size() == config.hidden_size &&
            layer.post_attention_norm.size() == config.hidden_size,
        "Decoder: a norm's size equals the config's");
  check_linear(layer.query_key_value, config.query_key_value_width(), config.hidden_size,
               config.query_key_value_bias);
  check_linear(layer.attention_output, config.hidden_size, config.query_width(),
               config.attention_output_bias);
  check_linear(layer.gate_up, 2 * config.intermediate_size, config.hidden_size, config.mlp_bias);
  check_linear(layer.down, config.hidden_size, config.intermediate_size, config.mlp_bias);
}

void check_weights(const DecoderWeights& weights, const DecoderConfig& config) {
  check(weights.layers.size() == config.num_layers, "Decoder: one set of weights for each layer");
  check(config.layer_windows.size() == config.num_layers, "Decoder: one window for each layer");
  for (const DecoderLayerWeights& layer : weights.layers) check_layer(layer, config);
  check(has_shape({weights.embeddings, {}}, config.vocab_size, config.hidden_size, false) &&
            has_shape({weights.head, {}}, config.vocab_size, config.hidden_size, false) &&
            weights.final_norm.size() == config.hidden_size,
        "Decoder: embeddings and head [vocab, hidden], norm [hidden]");
}

// With the path written out.
DecoderConfig checked(DecoderConfig config) {
  std::vector<LayerHop>& hops = config.path.hops;
  if (hops.empty()) {
    for (std::size_t layer = 0; layer < config.num_layers; ++layer) hops.push_back({layer, 1.0F});
  }
  for (const LayerHop& hop : hops) {
    if (hop.layer >= config.num_layers) {
      throw Error(ErrorCode::kInvalidArgument,
                  "layer path: no such layer: " + std::to_string(hop.layer) + " (of " +
                      std::to_string(config.num_layers) + ")");
    }
    if (!std::isfinite(hop.scale)) {
      throw Error(ErrorCode::kInvalidArgument,
                  "layer path: expected a finite scale: " + std::to_string(hop.scale));
    }
  }
  return config;
}

void normalize(MatrixView<const float> x, std::span<const float> weight, float epsilon,
               MatrixView<float> out, ThreadPool& pool) {
  for_row_ranges(x, pool, [&](std::size_t first, std::size_t count) {
    rms_norm(x.rows(first, count), weight, epsilon, out.rows(first, count));
  });
}

void scale_rows(MatrixView<float> x, float factor) noexcept {
  if (factor == 1.0F) return;
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (float& value : x.row(r)) value *= factor;
  }
}

// Rotates every head of a row [heads * head_dim].
void rotate_heads(std::span<float> row, std::span<const float> cosines,
                  std::span<const float> sines) noexcept {
  const std::size_t head_dim = 2 * cosines.size();
  for (std::size_t first = 0; first < row.size(); first += head_dim) {
    rotate_half(row.subspan(first, head_dim), cosines, sines);
  }
}

// One key and value head of one hop, and what its queries see.
struct AttendedHead {
  std::size_t hop = 0;
  std::size_t kv_head = 0;
  std::optional<std::size_t> window;
};

// Rotates queries and keys of one sequence's new rows and puts keys and values into its cache.
void rotate_and_store(const DecoderConfig& config, const SequenceRows& sequence,
                      const AttendedHead& attended, DecoderScratch& scratch) {
  const std::size_t dim = config.head_dim;
  const std::size_t group = config.group_size();
  const std::size_t column = attended.kv_head * dim;
  for (std::size_t i = 0; i < sequence.num_rows; ++i) {
    const std::size_t row = sequence.first_row + i;
    const std::span<const float> cosines = scratch.cosines.row(row);
    const std::span<const float> sines = scratch.sines.row(row);
    const std::span<float> query_key_value = scratch.query_key_value.row(row);
    rotate_heads(query_key_value.subspan(group * column, group * dim), cosines, sines);
    const std::span<float> key = query_key_value.subspan(config.query_width() + column, dim);
    const std::span<const float> value =
        query_key_value.last(config.kv_width()).subspan(column, dim);
    rotate_half(key, cosines, sines);
    KvCache& cache = *sequence.cache;
    std::ranges::copy(key, cache.next_key(attended.hop, i).subspan(column).begin());
    std::ranges::copy(value, cache.next_value(attended.hop, i).subspan(column).begin());
  }
}

// Attention of one sequence's new rows. query and out [rows, heads * head_dim] of the whole batch.
void attend_sequence(const DecoderConfig& config, const SequenceRows& sequence,
                     const AttendedHead& attended, MatrixView<const float> query,
                     MatrixView<float> out) {
  const std::size_t dim = config.head_dim;
  const std::size_t group = config.group_size();
  const std::size_t held = sequence.cache->num_tokens();
  const std::size_t kv_column = attended.kv_head * dim;
  const auto blocks =
      sequence.cache->blocks(attended.hop, held + sequence.num_rows, kv_column, dim);
  const auto queries = query.rows(sequence.first_row, sequence.num_rows);
  const auto results = out.rows(sequence.first_row, sequence.num_rows);
  const std::size_t column = group * kv_column;  // of the group's first head
  AttentionMask mask;
  mask.first_position = held;
  if (attended.window) mask.window = *attended.window;
  if (sequence.num_rows == 1) {  // the heads of the group as rows of one product
    mask.queries_per_position = group;
    attend({queries.data() + column, group, dim, dim}, blocks, mask,
           {results.data() + column, group, dim, dim});
    return;
  }
  for (std::size_t head = 0; head < group; ++head) {
    attend(queries.columns(column + head * dim, dim), blocks, mask,
           results.columns(column + head * dim, dim));
  }
}

}  // namespace

Decoder::Decoder(const DecoderConfig& config, DecoderWeights weights)
    : config_(checked(config)),
      weights_(std::move(weights)),
      inverse_frequencies_(
          scaled_inverse_frequencies(config.rope_scaling, config.rope_theta, config.head_dim, 0)) {
  check_weights(weights_, config_);
}

std::size_t Decoder::num_weights() const noexcept {
  const auto size = [](const LinearWeights& linear) {
    return linear.weight->rows() * linear.weight->cols();
  };
  std::size_t sum = weights_.head->rows() * weights_.head->cols();
  for (const DecoderLayerWeights& layer : weights_.layers) {
    sum += size(layer.query_key_value) + size(layer.attention_output) + size(layer.gate_up) +
           size(layer.down);
  }
  return sum;
}

void Decoder::embed(std::span<const TokenId> ids, MatrixView<float> out) const {
  check(out.rows() == ids.size() && out.cols() == config_.hidden_size,
        "Decoder::embed: out [ids, hidden]");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= config_.vocab_size) {
      throw Error(ErrorCode::kInvalidArgument, "token id outside the vocabulary of " +
                                                   std::to_string(config_.vocab_size) + ": " +
                                                   std::to_string(ids[i]));
    }
    weights_.embeddings->read_row(static_cast<std::size_t>(ids[i]), out.row(i));
  }
}

void Decoder::prepare(const SequenceRows& sequence, std::size_t num_rows,
                      DecoderScratch& scratch) const {
  check(sequence.first_row <= num_rows && sequence.num_rows <= num_rows - sequence.first_row,
        "Decoder::forward: a sequence's rows lie in hidden");
  check(sequence.cache->width() == config_.kv_width(),
        "Decoder::forward: a cache as wide as this decoder's keys");
  sequence.cache->reserve(sequence.num_rows);
  const std::size_t length = sequence.cache->num_tokens() + sequence.num_rows;
  std::span<const float> frequencies = inverse_frequencies_;
  std::vector<float> of_this_length;
  if (config_.rope_scaling.depends_on_length(length)) {
    of_this_length = scaled_inverse_frequencies(config_.rope_scaling, config_.rope_theta,
                                                config_.head_dim, length);
    frequencies = of_this_length;
  }
  for (std::size_t i = 0; i < sequence.num_rows; ++i) {
    const std::size_t row = sequence.first_row + i;
    rope_angles(sequence.cache->num_tokens() + i, frequencies, scratch.cosines.row(row),
                scratch.sines.row(row));
  }
}

void Decoder::forward(MatrixView<float> hidden, std::span<const SequenceRows> sequences,
                      DecoderScratch& scratch, ThreadPool& pool,
                      const HiddenObserver& observer) const {
  for (const SequenceRows& sequence : sequences) {
    check(sequence.cache->num_hops() == hops().size(), "Decoder::forward: a cache of this path");
  }
  check(hidden.cols() == config_.hidden_size, "Decoder::forward: hidden [rows, hidden]");
  scratch.reserve(config_, hidden.rows());
  for (const SequenceRows& sequence : sequences) prepare(sequence, hidden.rows(), scratch);
  for (std::size_t hop = 0; hop < hops().size(); ++hop) {
    scale_rows(hidden, stream_scale(hop));
    attention(hop, hidden, sequences, scratch, pool);
    mlp(hop, hidden, scratch, pool);
    if (observer) observer(hop, hidden);
  }
  for (const SequenceRows& sequence : sequences) sequence.cache->commit(sequence.num_rows);
}

void Decoder::attention(std::size_t hop, MatrixView<float> hidden,
                        std::span<const SequenceRows> sequences, DecoderScratch& scratch,
                        ThreadPool& pool) const {
  const DecoderLayerWeights& layer = weights_.layers[hops()[hop].layer];
  const std::size_t rows = hidden.rows();
  const MatrixView<float> normed = scratch.normed.first_rows(rows);
  normalize(hidden, layer.input_norm, config_.rms_norm_eps, normed, pool);
  apply_linear(normed, layer.query_key_value, scratch.query_key_value.first_rows(rows), pool);
  const auto queries = scratch.query_key_value.view().columns(0, config_.query_width());
  const std::size_t heads = config_.num_kv_heads;
  pool.parallel_for(sequences.size() * heads, [&](std::size_t item) {
    const SequenceRows& sequence = sequences[item / heads];
    const AttendedHead head{hop, item % heads, config_.layer_windows[hops()[hop].layer]};
    rotate_and_store(config_, sequence, head, scratch);
    attend_sequence(config_, sequence, head, queries, scratch.attended.view());
  });
  apply_linear(scratch.attended.first_rows(rows), layer.attention_output,
               scratch.projected.first_rows(rows), pool);
  add_scaled(hidden, 1.0F, scratch.projected.first_rows(rows), pool);
}

float Decoder::stream_scale(std::size_t hop) const noexcept {
  const bool is_here = hop == 0 || config_.path.scaling == HopScaling::kStream;
  return is_here ? hops()[hop].scale : 1.0F;
}

float Decoder::mlp_scale(std::size_t hop) const noexcept {
  const bool is_here = hop + 1 < hops().size() && config_.path.scaling == HopScaling::kMlpOutput;
  return is_here ? hops()[hop + 1].scale : 1.0F;
}

void Decoder::mlp(std::size_t hop, MatrixView<float> hidden, DecoderScratch& scratch,
                  ThreadPool& pool) const {
  const DecoderLayerWeights& layer = weights_.layers[hops()[hop].layer];
  const std::size_t rows = hidden.rows();
  const MatrixView<float> normed = scratch.normed.first_rows(rows);
  const MatrixView<float> gate_up = scratch.gate_up.first_rows(rows);
  const MatrixView<float> gate = gate_up.columns(0, config_.intermediate_size);
  normalize(hidden, layer.post_attention_norm, config_.rms_norm_eps, normed, pool);
  const MatrixView<float> up = gate_up.columns(config_.intermediate_size, gate.cols());
  apply_linear(normed, layer.gate_up, gate_up, pool);
  for_row_ranges(gate, pool, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) swiglu(gate.row(r), up.row(r));
  });
  apply_linear(gate, layer.down, scratch.projected.first_rows(rows), pool);
  add_scaled(hidden, mlp_scale(hop), scratch.projected.first_rows(rows), pool);
}

void Decoder::final_norm(MatrixView<const float> hidden, MatrixView<float> out) const noexcept {
  rms_norm(hidden, weights_.final_norm, config_.rms_norm_eps, out);
}

void Decoder::logits(MatrixView<const float> hidden, MatrixView<float> out, DecoderScratch& scratch,
                     ThreadPool& pool) const {
  check(out.rows() == hidden.rows() && out.cols() == config_.vocab_size,
        "Decoder::logits: out [rows, vocab]");
  scratch.reserve(config_, hidden.rows());
  const MatrixView<float> normed = scratch.normed.first_rows(hidden.rows());
  final_norm(hidden, normed);
  weights_.head->multiply(normed, out, pool);
}

}  // namespace vlm
