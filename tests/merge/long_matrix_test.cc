#include "merge/kernels/long_matrix.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

// `rows` orthogonal rows of `width` cosines, each of length 1.
double cosine(std::size_t index, std::size_t place, std::size_t width) {
  const auto size = static_cast<double>(width);
  const double angle = M_PI / size * (static_cast<double>(place) + 0.5);
  return std::cos(angle * static_cast<double>(index)) * std::sqrt((index == 0 ? 1.0 : 2.0) / size);
}

// U diag(values) V^T with known vectors.
LongMatrix made_of(const std::vector<double>& values, std::size_t length) {
  const std::size_t width = values.size();
  const auto read = [values, length, width](std::size_t first, MatrixView<double> out,
                                            ThreadPool& /*pool*/) {
    for (std::size_t i = 0; i < out.rows(); ++i) {
      for (std::size_t j = 0; j < width; ++j) {
        for (std::size_t k = 0; k < width; ++k) {
          out.row(i)[j] += cosine(k, first + i, length) * values[k] * cosine(k, j, width);
        }
      }
    }
  };
  return {length, width, read};
}

TEST(RightVectors, OfValuesFarBelowTheLargestAreFoundToo) {
  ThreadPool pool(2);
  const std::vector<double> wanted{1e3, 5, 1e-1, 3e-4, 1e-4, 2e-6, 1e-6, 0, 0};
  const LongMatrix matrix = made_of(wanted, 700);
  const RightVectors parts = find_right_vectors(matrix, pool);
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    // Four digits below what it was found with a value has lost half of its sixteen digits;
    // rounding of the matrix itself is some 1e-16 of the largest value.
    EXPECT_NEAR(parts.values[k], wanted[k], 1e-8 * wanted[k] + 1e-11) << k;
    double same = 0;
    for (std::size_t j = 0; j < wanted.size(); ++j) {
      same += parts.vectors.view().row(k)[j] * cosine(k, j, wanted.size());
    }
    if (wanted[k] != 0) {
      EXPECT_NEAR(std::fabs(same), 1, 1e-6) << k;
    }
  }
  EXPECT_EQ(parts.values[7], 0);
  EXPECT_EQ(parts.values[8], 0);
}

TEST(InverseRoot, LeavesOutWhatIsNotThere) {
  ThreadPool pool(1);
  const LongMatrix matrix = made_of({4, 2, 0}, 10);
  const Matrix<double> root = inverse_root(find_right_vectors(matrix, pool), pool);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const double wanted =
          cosine(0, i, 3) * cosine(0, j, 3) / 4 + cosine(1, i, 3) * cosine(1, j, 3) / 2;
      EXPECT_NEAR(root.view().row(i)[j], wanted, 1e-12);
    }
  }
}

}  // namespace
}  // namespace vlm
