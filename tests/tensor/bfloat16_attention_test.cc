#include "tensor/bfloat16_attention.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/onednn_product.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

double rounded(double value) {
  return double{bf16_to_float(float_to_bf16(static_cast<float>(value)))};
}

// The plain twin, in double, with the same roundings.
std::vector<double> plain_row(const Matrix<float>& queries, const Matrix<float>& keys,
                              const Matrix<float>& values, std::size_t row) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(keys.cols()));
  std::vector<double> scores(keys.rows());
  for (std::size_t k = 0; k < keys.rows(); ++k) {
    for (std::size_t c = 0; c < keys.cols(); ++c) {
      scores[k] += rounded(queries.row(row)[c] * scale) * rounded(double{keys.row(k)[c]});
    }
  }
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  std::vector<double> out(values.cols());
  for (std::size_t k = 0; k < keys.rows(); ++k) {
    const double weight = std::exp(scores[k] - most);
    sum += weight;
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] += rounded(weight) * rounded(double{values.row(k)[c]});
    }
  }
  for (double& value : out) value /= sum;
  return out;
}

class Bfloat16AttentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_bfloat16_products()) GTEST_SKIP() << "the processor does not multiply bfloat16";
  }
};

// Weights next to the middle of two bfloat16 numbers may be rounded to the other one: an error of
// 2^-8 of a weight, which with some keys is that of a few of them.
TEST_F(Bfloat16AttentionTest, EqualsThePlainTwin) {
  for (const std::size_t tokens : {1U, 17U, 192U, 193U, 577U}) {
    for (const std::size_t head_dim : {16U, 64U, 72U, 80U}) {
      const Matrix<float> queries = random_matrix(tokens, head_dim, 1, 2.0);
      const Matrix<float> keys = random_matrix(tokens, head_dim, 2, 2.0);
      const Matrix<float> values = random_matrix(tokens, head_dim, 3, 1.0);
      Matrix<float> out(tokens, head_dim);
      Bfloat16Attention(tokens, head_dim)
          .attend(queries.view(), keys.view(), values.view(), out.view());
      for (const std::size_t row : {std::size_t{0}, tokens / 2, tokens - 1}) {
        const std::vector<double> expected = plain_row(queries, keys, values, row);
        for (std::size_t c = 0; c < head_dim; ++c) {
          ASSERT_NEAR(out.row(row)[c], expected[c], 2e-3) << tokens << ' ' << head_dim;
        }
      }
    }
  }
}

TEST_F(Bfloat16AttentionTest, ViewsWithGapsGiveTheSame) {
  const Matrix<float> wide = random_matrix(70, 100, 4);
  const auto part = [&](std::size_t first) { return wide.view().columns(first, 32); };
  const Bfloat16Attention attention(70, 32);
  Matrix<float> out(70, 32);
  attention.attend(part(0), part(32), part(64), out.view());
  Matrix<float> dense(3 * 70, 32);
  for (std::size_t i = 0; i < 3 * 70; ++i) {
    std::ranges::copy(part(i / 70 * 32).row(i % 70), dense.row(i).begin());
  }
  const auto rows = [&](std::size_t which) { return dense.view().rows(which * 70, 70); };
  Matrix<float> expected(70, 40);
  attention.attend(rows(0), rows(1), rows(2), expected.view().columns(5, 32));
  for (std::size_t r = 0; r < 70; ++r) {
    EXPECT_TRUE(std::ranges::equal(out.row(r), expected.row(r).subspan(5, 32))) << r;
  }
}

}  // namespace
}  // namespace vlm
