#include "tensor/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "core/check.h"
#include "tensor/exponential.h"
#include "tensor/float32_kernels.h"
#include "tensor/maximum.h"

namespace vlm {
namespace {

// A block of scores is 8 KiB: it stays in the first-level cache and on the stack. Blocks of keys
// begin at multiples of their size, so that sums are the same however the queries are cut.
constexpr std::size_t kBlockQueries = kPackedRows;
constexpr std::size_t kBlockKeys = kKeysPerBlock;

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
// sum(exp(score - most) * value) / sum(exp(score - most)) with the division left out.
struct RowState {
  float most = -std::numeric_limits<float>::infinity();  // of the scores
  float sum = 0.0F;
};

// Partial sums by position, so that the visible range does not change their order.
float sum_of(std::span<const float> x) noexcept {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> sums{};
  std::size_t first = 0;
  for (; first + kLanes <= x.size(); first += kLanes) {
    for (std::size_t i = 0; i < kLanes; ++i) sums[i] += x[first + i];
  }
  for (std::size_t i = 0; first + i < x.size(); ++i) sums[i] += x[first + i];
  float sum = 0.0F;
  for (const float part : sums) sum += part;
  return sum;
}

// Turns the scores of one row into weights relative to the new largest score, with 0 outside the
// visible range, and rescales what the row has summed up before.
void update_row(std::span<float> scores, KeyRange visible, RowState& state,
                std::span<float> result) {
  const auto first = scores.begin() + static_cast<std::ptrdiff_t>(visible.first);
  const auto end = scores.begin() + static_cast<std::ptrdiff_t>(visible.end);
  std::fill(scores.begin(), first, 0.0F);
  std::fill(end, scores.end(), 0.0F);
  const std::span<float> seen(first, end);
  const float most = std::max(state.most, largest(seen));
  const float rescale = std::exp(state.most - most);
  for (float& value : result) value *= rescale;
  state.most = most;
  exponentials(seen, -most);
  state.sum = state.sum * rescale + sum_of(scores);
}

// Queries [rows, head_dim] times 1 / sqrt(head_dim), in the order of multiply_packed_rows().
void pack_queries(MatrixView<const float> queries, std::span<float> packed) {
  pack_rows(queries, packed);
  const float scale = 1.0F / std::sqrt(static_cast<float>(queries.cols()));
  for (float& value : packed) value *= scale;
}

std::size_t num_positions(std::span<const KeyValueBlock> blocks) {
  return (blocks.size() - 1) * kBlockKeys + blocks.back().keys.rows();
}

// Query rows [first_row, first_row + queries.rows()) of the whole call; `packed` has room for them.
void attend_block(MatrixView<const float> queries, std::span<float> packed,
                  std::span<const KeyValueBlock> blocks, const AttentionMask& mask,
                  std::size_t first_row, MatrixView<float> out) {
  // Written before it is read, so it needs no zeros.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<float, kBlockQueries * kBlockKeys> score_block;
  std::array<RowState, kBlockQueries> states;
  const std::size_t rows = queries.rows();
  pack_queries(queries, packed);
  for (std::size_t r = 0; r < rows; ++r) std::fill(out.row(r).begin(), out.row(r).end(), 0.0F);
  const std::size_t num_keys = num_positions(blocks);
  const std::size_t begin = visible_keys(mask, first_row, num_keys).first;
  const std::size_t end = visible_keys(mask, first_row + rows - 1, num_keys).end;
  for (std::size_t key = begin / kBlockKeys * kBlockKeys; key < end; key += kBlockKeys) {
    const KeyValueBlock& block = blocks[key / kBlockKeys];
    const std::size_t count = std::min(kBlockKeys, end - key);
    MatrixView<float> scores(score_block.data(), rows, count, count);
    multiply_packed_rows(packed, block.keys.rows(0, count), scores);
    for (std::size_t r = 0; r < rows; ++r) {
      KeyRange visible = visible_keys(mask, first_row + r, num_keys);
      visible.first = std::clamp(visible.first, key, key + count) - key;
      visible.end = std::clamp(visible.end, key, key + count) - key;
      if (visible.first >= visible.end) {
        std::fill(scores.row(r).begin(), scores.row(r).end(), 0.0F);
        continue;
      }
      update_row(scores.row(r), visible, states[r], out.row(r));
    }
    add_product(scores, block.values.rows(0, count), out);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const float inverse_sum = 1.0F / states[r].sum;
    for (float& value : out.row(r)) value *= inverse_sum;
  }
}

}  // namespace

void attend(MatrixView<const float> queries, std::span<const KeyValueBlock> blocks,
            const AttentionMask& mask, MatrixView<float> out) {
  check(!blocks.empty() && blocks.back().keys.rows() > 0 && mask.window > 0 &&
            mask.queries_per_position > 0,
        "attend: every row sees a key");
  for (const KeyValueBlock& block : blocks) {
    check(queries.cols() == block.keys.cols() && block.values.cols() == out.cols() &&
              block.keys.rows() == block.values.rows() && queries.rows() == out.rows(),
          "attend: queries and out [rows, head_dim], keys and values [positions, head_dim]");
    check(block.keys.rows() == kBlockKeys || &block == &blocks.back(), "attend: whole blocks");
  }
  std::vector<float> packed;
  for (std::size_t row = 0; row < queries.rows(); row += kBlockQueries) {
    const std::size_t count = std::min(kBlockQueries, queries.rows() - row);
    packed.resize(packed_rows_size(count, queries.cols()));
    attend_block(queries.rows(row, count), packed, blocks, mask, row, out.rows(row, count));
  }
}

}  // namespace vlm
