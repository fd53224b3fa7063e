#include "tensor/attention.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/matrix.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

// The plain twin: scores, softmax, weighted sum, in double, one row at a time.
Matrix<float> plain_attention(const Matrix<float>& queries, const Matrix<float>& keys,
                              const Matrix<float>& values, const AttentionMask& mask) {
  Matrix<float> out(queries.rows(), values.cols());
  for (std::size_t r = 0; r < queries.rows(); ++r) {
    const std::size_t position = mask.first_position + r / mask.queries_per_position;
    std::vector<double> weights(keys.rows(), 0.0);
    double sum = 0.0;
    for (std::size_t k = 0; k < keys.rows(); ++k) {
      if (k > position || position - k >= mask.window) continue;
      double score = 0.0;
      for (std::size_t c = 0; c < keys.cols(); ++c) {
        score += double{queries.row(r)[c]} * keys.row(k)[c];
      }
      weights[k] = std::exp(score / std::sqrt(static_cast<double>(keys.cols())));
      sum += weights[k];
    }
    for (std::size_t c = 0; c < values.cols(); ++c) {
      double total = 0.0;
      for (std::size_t k = 0; k < keys.rows(); ++k) total += weights[k] * values.row(k)[c];
      out.row(r)[c] = static_cast<float>(total / sum);
    }
  }
  return out;
}

// attend() over keys and values that are in one place.
void attend_to_all(const Matrix<float>& queries, const Matrix<float>& keys,
                   const Matrix<float>& values, const AttentionMask& mask, Matrix<float>& out) {
  std::vector<KeyValueBlock> blocks;
  for (std::size_t first = 0; first < keys.rows(); first += kKeysPerBlock) {
    const std::size_t count = std::min(kKeysPerBlock, keys.rows() - first);
    blocks.push_back({keys.view().rows(first, count), values.view().rows(first, count)});
  }
  attend(queries.view(), blocks, mask, out.view());
}

void expect_plain_result(std::size_t rows, std::size_t num_keys, const AttentionMask& mask) {
  const Matrix<float> queries = random_matrix(rows, 16, 1, 2.0);
  const Matrix<float> keys = random_matrix(num_keys, 16, 2, 2.0);
  const Matrix<float> values = random_matrix(num_keys, 16, 3, 1.0);
  Matrix<float> out(rows, 16);
  attend_to_all(queries, keys, values, mask, out);
  const Matrix<float> expected = plain_attention(queries, keys, values, mask);
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_NEAR(out.values()[i], expected.values()[i], 2e-5)
        << rows << " rows, " << num_keys << " keys, element " << i;
  }
}

TEST(Attend, OneVisibleKeyReturnsItsValue) {
  expect_plain_result(1, 1, {});
  Matrix<float> query(1, 2);
  Matrix<float> keys(2, 2);
  Matrix<float> values(2, 2);
  values.row(0)[0] = 5.0F;
  values.row(1)[0] = 7.0F;
  Matrix<float> out(1, 2);
  attend_to_all(query, keys, values, {.first_position = 0}, out);
  EXPECT_EQ(out.row(0)[0], 5.0F);
  attend_to_all(query, keys, values, {.first_position = 1, .window = 1}, out);
  EXPECT_EQ(out.row(0)[0], 7.0F);
}

TEST(Attend, CausalRowsAcrossBlockBordersEqualThePlainTwin) {
  for (const std::size_t tokens : {2U, 31U, 32U, 33U, 127U, 129U, 300U}) {
    expect_plain_result(tokens, tokens, {});
    expect_plain_result(tokens, tokens + 150, {.first_position = 150});
  }
}

TEST(Attend, SlidingWindowEqualsThePlainTwin) {
  for (const std::size_t window : {1U, 8U, 100U, 140U}) {
    expect_plain_result(200, 200, {.window = window});
    expect_plain_result(3, 400, {.first_position = 397, .window = window});
  }
}

TEST(Attend, StackedHeadsShareAPosition) {
  expect_plain_result(3, 200, {.first_position = 120, .queries_per_position = 3});
  expect_plain_result(6, 200, {.first_position = 120, .queries_per_position = 3, .window = 50});
}

TEST(Attend, LastPositionSeesAllKeys) {
  expect_plain_result(65, 65, {.first_position = 64});
}

TEST(Attend, LargeScoresDoNotOverflow) {
  Matrix<float> queries(1, 1);
  Matrix<float> keys(200, 1);
  Matrix<float> values(200, 1);
  queries.row(0)[0] = 1000.0F;
  for (std::size_t k = 0; k < 200; ++k) {
    keys.row(k)[0] = static_cast<float>(k);
    values.row(k)[0] = static_cast<float>(k);
  }
  Matrix<float> out(1, 1);
  attend_to_all(queries, keys, values, {.first_position = 199}, out);
  EXPECT_EQ(out.row(0)[0], 199.0F);
}

}  // namespace
}  // namespace vlm
