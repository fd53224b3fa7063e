#include "tensor/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "core/check.h"
#include "tensor/exponential.h"
#include "tensor/gemm.h"

namespace vlm {
namespace {

// A block of scores is 16 KiB: it stays in the first-level cache and on the stack.
constexpr std::size_t kBlockQueries = 32;
constexpr std::size_t kBlockKeys = 128;

struct KeyRange {
  std::size_t first = 0;
  std::size_t end = 0;
};

// The keys that query row `row` sees.
KeyRange visible_keys(const AttentionMask& mask, std::size_t row, std::size_t num_keys) {
  const std::size_t position = mask.first_position + row / mask.queries_per_position;
  KeyRange range;
  range.end = std::min(position + 1, num_keys);
  range.first = position + 1 > mask.window ? position + 1 - mask.window : 0;
  return range;
}

// The state of the online softmax of one query row: its result so far is
// sum(exp(score - largest) * value) / sum(exp(score - largest)) with the sum left out.
struct RowState {
  float largest = -std::numeric_limits<float>::infinity();
  float sum = 0.0F;
};

// Turns the scores of one row into weights relative to the new largest score, with 0 outside the
// visible range, and rescales what the row has summed up before.
void update_row(std::span<float> scores, KeyRange visible, RowState& state,
                std::span<float> result) {
  const auto first = scores.begin() + static_cast<std::ptrdiff_t>(visible.first);
  const auto end = scores.begin() + static_cast<std::ptrdiff_t>(visible.end);
  std::fill(scores.begin(), first, 0.0F);
  std::fill(end, scores.end(), 0.0F);
  const float largest = std::max(state.largest, *std::max_element(first, end));
  const float rescale = std::exp(state.largest - largest);
  for (float& value : result) value *= rescale;
  state.sum *= rescale;
  state.largest = largest;
  const std::span<float> seen(first, end);
  exponentials(seen, -largest);
  for (const float weight : seen) state.sum += weight;
}

// Query rows [first_row, first_row + queries.rows()) of the whole call.
void attend_block(MatrixView<const float> queries, MatrixView<const float> keys,
                  MatrixView<const float> values, const AttentionMask& mask, std::size_t first_row,
                  MatrixView<float> out) {
  // Written before it is read, so it needs no zeros.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<float, kBlockQueries * kBlockKeys> score_block;
  std::array<RowState, kBlockQueries> states;
  const std::size_t rows = queries.rows();
  for (std::size_t r = 0; r < rows; ++r) std::fill(out.row(r).begin(), out.row(r).end(), 0.0F);
  const float scale = 1.0F / std::sqrt(static_cast<float>(queries.cols()));
  const std::size_t begin = visible_keys(mask, first_row, keys.rows()).first;
  const std::size_t end = visible_keys(mask, first_row + rows - 1, keys.rows()).end;
  for (std::size_t key = begin; key < end; key += kBlockKeys) {
    const std::size_t count = std::min(kBlockKeys, end - key);
    MatrixView<float> scores(score_block.data(), rows, count, count);
    multiply_transposed_scaled(scale, queries, keys.rows(key, count), scores);
    for (std::size_t r = 0; r < rows; ++r) {
      KeyRange visible = visible_keys(mask, first_row + r, keys.rows());
      visible.first = std::clamp(visible.first, key, key + count) - key;
      visible.end = std::clamp(visible.end, key, key + count) - key;
      if (visible.first >= visible.end) {
        std::fill(scores.row(r).begin(), scores.row(r).end(), 0.0F);
        continue;
      }
      update_row(scores.row(r), visible, states[r], out.row(r));
    }
    multiply_add(scores, values.rows(key, count), out);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const float inverse_sum = 1.0F / states[r].sum;
    for (float& value : out.row(r)) value *= inverse_sum;
  }
}

}  // namespace

void attend(MatrixView<const float> queries, MatrixView<const float> keys,
            MatrixView<const float> values, const AttentionMask& mask, MatrixView<float> out) {
  check(queries.cols() == keys.cols() && values.cols() == out.cols() &&
            keys.rows() == values.rows() && queries.rows() == out.rows(),
        "attend: queries and out [rows, head_dim], keys and values [positions, head_dim]");
  check(keys.rows() > 0 && mask.window > 0 && mask.queries_per_position > 0,
        "attend: every row sees a key");
  for (std::size_t row = 0; row < queries.rows(); row += kBlockQueries) {
    const std::size_t count = std::min(kBlockQueries, queries.rows() - row);
    attend_block(queries.rows(row, count), keys, values, mask, row, out.rows(row, count));
  }
}

}  // namespace vlm
