#pragma once

// Keys and values of one sequence, for every hop (layer execution) of a decoder.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tensor/attention.h"
#include "tensor/matrix.h"

namespace vlm {

// float32, in pages of 128 tokens. A copy is equal and independent, and shares the pages until one
// of the two writes to them: sequences that begin alike hold their beginning once. Not
// thread-safe, also not together with a cache it shares pages with; different hops and columns of
// the next tokens are independent.
class KvCache {
 public:
  static constexpr std::size_t kPageTokens = kKeysPerBlock;

  // `width` = kv_heads * head_dim floats for a token's key, as many for its value.
  KvCache(std::size_t num_hops, std::size_t width);

  [[nodiscard]] std::size_t num_hops() const noexcept { return num_hops_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  // Tokens held, the same for all hops.
  [[nodiscard]] std::size_t num_tokens() const noexcept { return num_tokens_; }

  // Bytes of its pages, those it shares included.
  [[nodiscard]] std::size_t num_bytes() const noexcept;
  // Bytes of the pages of so many tokens.
  [[nodiscard]] static std::size_t bytes_for(std::size_t num_hops, std::size_t width,
                                             std::size_t tokens) noexcept;

  // The first `count` tokens. REQUIRES: it holds them.
  [[nodiscard]] KvCache prefix(std::size_t count) const;
  // Makes room for `count` tokens after those held.
  void reserve(std::size_t count);
  // The rows for number `i` of the next tokens, to be written: [width].
  // REQUIRES: reserve(count) before, i < count.
  [[nodiscard]] std::span<float> next_key(std::size_t hop, std::size_t i);
  [[nodiscard]] std::span<float> next_value(std::size_t hop, std::size_t i);
  // Counts `count` written rows as held. REQUIRES: they are written in every hop.
  void commit(std::size_t count);

  // Columns [first, first + count) of one hop for the first `tokens` tokens, also those written and
  // not yet committed, as blocks for attend().
  [[nodiscard]] std::vector<KeyValueBlock> blocks(std::size_t hop, std::size_t tokens,
                                                  std::size_t first, std::size_t count) const;

 private:
  struct Page {
    Page(std::size_t num_hops, std::size_t width);
    // [hops * 128, width]
    Matrix<float> keys;
    Matrix<float> values;
  };

  // The first rows of all hops of a page.
  void copy_rows(const Page& from, std::size_t count, Page& to) const;

  std::vector<std::shared_ptr<Page>> pages_;
  std::size_t num_hops_;
  std::size_t width_;
  std::size_t num_tokens_ = 0;
};

}  // namespace vlm
