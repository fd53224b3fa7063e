#include "language/decoder_scratch.h"

#include <algorithm>

namespace vlm {

void make_room(Matrix<float>& buffer, std::size_t rows, std::size_t cols) {
  if (buffer.rows() >= rows && buffer.cols() == cols) return;
  buffer = Matrix<float>();  // frees the old memory before the new is taken
  buffer = Matrix<float>(rows, cols);
}

void DecoderScratch::reserve(const DecoderConfig& config, std::size_t rows) {
  make_room(normed, rows, config.hidden_size);
  make_room(query_key_value, rows, config.query_key_value_width());
  make_room(attended, rows, config.query_width());
  make_room(projected, rows, config.hidden_size);
  make_room(gate_up, rows, 2 * config.intermediate_size);
  make_room(cosines, rows, config.head_dim / 2);
  make_room(sines, rows, config.head_dim / 2);
}

std::size_t row_bytes(const DecoderConfig& config) noexcept {
  const std::size_t widest =
      std::max({config.hidden_size, config.query_width(), config.intermediate_size});
  const std::size_t floats = 4 * config.hidden_size + 2 * config.query_width() +
                             2 * config.kv_width() + 2 * config.intermediate_size +
                             config.head_dim + widest;
  return floats * sizeof(float);
}

}  // namespace vlm
