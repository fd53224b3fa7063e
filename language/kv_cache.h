#pragma once

// Keys and values of one sequence, for every hop (layer execution) of a decoder.

#include <cstddef>
#include <vector>

#include "tensor/matrix.h"

namespace vlm {

// float32, contiguous per hop; capacity grows by half and at least one block of 64 tokens, so
// memory stays proportional to the tokens held. Not thread-safe, but different hops, columns
// and caches are independent.
class KvCache {
 public:
  // `width` = kv_heads * head_dim floats for a token's key, as many for its value.
  KvCache(std::size_t num_hops, std::size_t width);

  [[nodiscard]] std::size_t num_hops() const noexcept { return hops_.size(); }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  // Tokens held, the same for all hops.
  [[nodiscard]] std::size_t num_tokens() const noexcept { return num_tokens_; }

  // Bytes it takes now.
  [[nodiscard]] std::size_t num_bytes() const noexcept;
  // Bytes that a cache takes at most when it has grown to so many tokens.
  [[nodiscard]] static std::size_t bytes_for(std::size_t num_hops, std::size_t width,
                                             std::size_t tokens) noexcept;
  // Makes room for `count` tokens after those held.
  void reserve(std::size_t count);
  // The rows for the next `count` tokens, to be written: [count, width].
  // REQUIRES: reserve(count) before.
  [[nodiscard]] MatrixView<float> next_keys(std::size_t hop, std::size_t count);
  [[nodiscard]] MatrixView<float> next_values(std::size_t hop, std::size_t count);
  // The first `count` rows, also those written and not yet committed: [count, width].
  [[nodiscard]] MatrixView<const float> keys(std::size_t hop, std::size_t count) const;
  [[nodiscard]] MatrixView<const float> values(std::size_t hop, std::size_t count) const;
  // Counts `count` written rows as held. REQUIRES: they are written in every hop.
  void commit(std::size_t count);

  // Writes the tokens that `prefix` holds into the first hops of this empty cache, as rows that are
  // not yet committed. REQUIRES: equal width, at most as many hops.
  void begin_with(const KvCache& prefix);
  // Makes this an equal copy of `other`, or of its first `count` tokens, reusing the memory at
  // hand. REQUIRES: equal shapes; other holds them.
  void assign(const KvCache& other) { assign(other, other.num_tokens_); }
  void assign(const KvCache& other, std::size_t count);

 private:
  void copy_rows(const KvCache& other, std::size_t count);

  struct Hop {
    Matrix<float> keys;    // [capacity, width]
    Matrix<float> values;  // [capacity, width]
  };

  std::vector<Hop> hops_;
  std::size_t width_ = 0;
  std::size_t capacity_ = 0;  // tokens
  std::size_t num_tokens_ = 0;
};

}  // namespace vlm
