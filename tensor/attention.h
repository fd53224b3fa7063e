#pragma once

// Scaled dot-product attention of one head, in one pass over blocks of keys. A row of the result
// depends on nothing but that query and the keys and values it sees.

#include <cstddef>
#include <limits>
#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

struct AttentionMask {
  // Query row r stands at key position first_position + r / queries_per_position and sees the keys
  // up to its own position (all of them if that lies past the last: first_position = keys - 1 is
  // attention without a mask) ...
  std::size_t first_position = 0;
  // ... rows of several heads that share keys can be stacked ...
  std::size_t queries_per_position = 1;
  // ... and at most the last `window` keys, its own included. REQUIRES: > 0.
  std::size_t window = std::numeric_limits<std::size_t>::max();
};

// Keys and values are taken in blocks of so many positions.
constexpr std::size_t kKeysPerBlock = 128;

// Neighbouring positions of one sequence, each [positions, head_dim].
struct KeyValueBlock {
  MatrixView<const float> keys;
  MatrixView<const float> values;
};

// out = softmax(queries * keys^T / sqrt(head_dim)) * values over the visible keys of each row.
// queries and out [rows, head_dim]; the blocks follow one another, all but the last of
// kKeysPerBlock positions. Runs on the calling thread. Milakov & Gimelshein 2018, "Online
// normalizer calculation for softmax", algorithm 3.
// REQUIRES: every row sees a key; out overlaps no input.
void attend(MatrixView<const float> queries, std::span<const KeyValueBlock> blocks,
            const AttentionMask& mask, MatrixView<float> out);

}  // namespace vlm
