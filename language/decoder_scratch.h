#pragma once

// Buffers of a decoder's forward pass, reused between calls.

#include <cstddef>

#include "language/decoder_config.h"
#include "tensor/matrix.h"

namespace vlm {

// Makes a buffer hold at least `rows` rows of exactly `cols` columns; what was in it may be lost.
void make_room(Matrix<float>& buffer, std::size_t rows, std::size_t cols);

// One for each thread that runs forward passes. Grows to the largest number of rows seen.
struct DecoderScratch {
  Matrix<float> normed;           // [rows, hidden]
  Matrix<float> query_key_value;  // [rows, (heads + 2 * kv_heads) * head_dim]
  Matrix<float> attended;         // [rows, heads * head_dim]
  Matrix<float> projected;        // [rows, hidden]
  Matrix<float> gate_up;          // [rows, 2 * intermediate]
  Matrix<float> cosines;          // [rows, head_dim / 2]
  Matrix<float> sines;            // [rows, head_dim / 2]

  // Makes every buffer hold at least `rows` rows for a decoder of that shape.
  void reserve(const DecoderConfig& config, std::size_t rows);
};

// Memory that a forward pass takes for each row: the residual stream, these buffers, and what the
// widest product makes of its input.
std::size_t row_bytes(const DecoderConfig& config) noexcept;

}  // namespace vlm
