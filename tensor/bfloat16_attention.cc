#include "tensor/bfloat16_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/divide_up.h"
#include "tensor/bfloat16_packing.h"
#include "tensor/bfloat16_values.h"
#include "tensor/exponential.h"
#include "tensor/matrix.h"
#include "tensor/maximum.h"
#include "tensor/packed_layout.h"

namespace vlm {
namespace {

// Scores of so many queries and some hundred keys stay in a core's second-level cache.
constexpr std::size_t kMostTileQueries = 192;

std::size_t queries_per_tile(std::size_t num_tokens) {
  const std::size_t tiles = divide_up(num_tokens, kMostTileQueries);
  return divide_up(num_tokens, tiles);
}

Matrix<std::uint16_t> packed(MatrixView<const float> weight) {
  const PackedLayout layout{weight.rows(), weight.cols()};
  Matrix<std::uint16_t> blocks(layout.num_blocks(), layout.block_size());
  pack_bfloat16(weight, blocks.values());
  return blocks;
}

Matrix<float> transposed(MatrixView<const float> x) {
  auto out = Matrix<float>::for_overwrite(x.cols(), x.rows());
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<const float> row = x.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) out.row(c)[r] = row[c];
  }
  return out;
}

void round_row(std::span<const float> values, std::span<std::uint16_t> out) {
  store_bfloat16(values, std::as_writable_bytes(out));
}

// out = rounded queries / sqrt(head_dim); `scaled` has room for a query.
void round_queries(MatrixView<const float> queries, std::span<float> scaled,
                   MatrixView<std::uint16_t> out) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(queries.cols()));
  for (std::size_t r = 0; r < queries.rows(); ++r) {
    std::ranges::transform(queries.row(r), scaled.begin(),
                           [scale](float value) { return value * scale; });
    round_row(scaled, out.row(r));
  }
}

}  // namespace

Bfloat16Attention::Bfloat16Attention(std::size_t num_tokens, std::size_t head_dim)
    : num_tokens_(num_tokens),
      tile_queries_(queries_per_tile(num_tokens)),
      scores_(tile_queries_, head_dim, num_tokens),
      contexts_(tile_queries_, num_tokens, head_dim) {}

void Bfloat16Attention::attend(MatrixView<const float> queries, MatrixView<const float> keys,
                               MatrixView<const float> values, MatrixView<float> out) const {
  const std::size_t head_dim = out.cols();
  for (const MatrixView<const float> x : {queries, keys, values, MatrixView<const float>(out)}) {
    check(x.rows() == num_tokens_ && x.cols() == head_dim,
          "Bfloat16Attention: queries, keys, values and out [num_tokens, head_dim]");
  }
  const Matrix<std::uint16_t> key_blocks = packed(keys);
  const Matrix<std::uint16_t> value_blocks = packed(transposed(values).view());
  std::vector<float> scaled(head_dim);
  std::vector<float> inverse_sums(tile_queries_);
  auto rounded = Matrix<std::uint16_t>::for_overwrite(tile_queries_, head_dim);
  auto scores = Matrix<float>::for_overwrite(tile_queries_, num_tokens_);
  auto weights = Matrix<std::uint16_t>::for_overwrite(tile_queries_, num_tokens_);
  auto context = Matrix<float>::for_overwrite(tile_queries_, head_dim);
  for (std::size_t next = 0; next < num_tokens_; next += tile_queries_) {
    const std::size_t first = std::min(next, num_tokens_ - tile_queries_);
    round_queries(queries.rows(first, tile_queries_), scaled, rounded.view());
    scores_.run(rounded.view(), key_blocks.values(), scores.view());
    for (std::size_t r = 0; r < tile_queries_; ++r) {
      const std::span<float> row = scores.row(r);
      inverse_sums[r] = static_cast<float>(1.0 / exponentials_and_sum(row, -largest(row)));
      round_row(row, weights.row(r));
    }
    contexts_.run(weights.view(), value_blocks.values(), context.view());
    for (std::size_t r = 0; r < tile_queries_; ++r) {
      std::ranges::transform(context.row(r), out.row(first + r).begin(),
                             [&](float value) { return value * inverse_sums[r]; });
    }
  }
}

}  // namespace vlm
