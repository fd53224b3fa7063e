#include "tensor/addition.h"

#include <cstddef>

#include <gtest/gtest.h>

#include "tensor/matrix.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

TEST(AddScaled, EveryElementGetsItsRoundedProduct) {
  for (const std::size_t threads : {1U, 3U}) {
    ThreadPool pool(threads);
    const Matrix<float> term = random_matrix(300, 130, 1);
    const Matrix<float> before = random_matrix(300, 140, 2);
    Matrix<float> sum = random_matrix(300, 140, 2);
    add_scaled(sum.view().columns(5, 130), 0.3F, term.view(), pool);
    for (std::size_t r = 0; r < sum.rows(); ++r) {
      for (std::size_t c = 0; c < sum.cols(); ++c) {
        const bool is_inside = c >= 5 && c < 135;
        const float product = is_inside ? 0.3F * term.row(r)[c - 5] : 0.0F;
        const float expected = is_inside ? before.row(r)[c] + product : before.row(r)[c];
        ASSERT_EQ(sum.row(r)[c], expected) << r << ' ' << c;
      }
    }
  }
}

}  // namespace
}  // namespace vlm
