#include "tensor/eigenvectors.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <cblas.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "tensor/blas_setup.h"
#include "tensor/double_products.h"
#include "tensor/matrix.h"

// LAPACK as Fortran has it: the last arguments are the lengths of the strings.
extern "C" void dsyevd_(const char* job, const char* triangle, const blasint* size, double* matrix,
                        const blasint* stride, double* values, double* work,
                        const blasint* work_size, blasint* integer_work,
                        const blasint* integer_work_size, blasint* info, std::size_t job_length,
                        std::size_t triangle_length);

namespace vlm {
namespace {

Matrix<double> random_gram(std::size_t size) {
  RandomStream random(philox_key(3, "gram"), size);
  Matrix<double> rows(size, size);
  for (std::size_t i = 0; i < size; ++i) {
    for (double& value : rows.view().row(i)) value = random.normal();
  }
  Matrix<double> gram(size, size);
  multiply_transposed(rows.view(), rows.view(), gram.view());
  return gram;
}

// The plain version.
std::vector<double> decompose_at_once(MatrixView<double> matrix) {
  const blasint size = blas_int(matrix.rows());
  std::vector<double> values(matrix.rows());
  std::vector<double> work(1 + matrix.rows() * (6 + 2 * matrix.rows()));
  std::vector<blasint> integers(3 + 5 * matrix.rows());
  const blasint work_size = blas_int(work.size());
  const blasint integers_size = blas_int(integers.size());
  blasint info = 0;
  dsyevd_("V", "U", &size, matrix.data(), &size, values.data(), work.data(), &work_size,
          integers.data(), &integers_size, &info, 1, 1);
  EXPECT_EQ(info, 0);
  return values;
}

TEST(SymmetricEigenvectors, AreTheRowsSmallestValueFirst) {
  std::array<double, 4> matrix{2, 1, 1, 2};  // 1: (1, -1), 3: (1, 1)
  const ThreadPool alone(1);
  const std::vector<double> values = decompose_symmetric({matrix, 2, 2}, alone);
  EXPECT_NEAR(values[0], 1, 1e-14);
  EXPECT_NEAR(values[1], 3, 1e-14);
  EXPECT_NEAR(matrix[0], -matrix[1], 1e-14);
  EXPECT_NEAR(matrix[2], matrix[3], 1e-14);
  EXPECT_NEAR(matrix[2] * matrix[2], 0.5, 1e-14);
}

// Around the sizes at which LAPACK changes its way; of 1056 reflectors are applied in two parts.
TEST(SymmetricEigenvectors, AreTheBitsOfLapackInOneStep) {
  prepare_blas();
  const ThreadPool alone(1);
  for (const std::size_t size : {1U, 2U, 25U, 31U, 32U, 33U, 63U, 64U, 65U, 79U, 100U, 1056U}) {
    Matrix<double> expected = random_gram(size);
    Matrix<double> vectors = random_gram(size);
    const std::vector<double> expected_values = decompose_at_once(expected.view());
    EXPECT_EQ(decompose_symmetric(vectors.view(), alone), expected_values) << size;
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_TRUE(std::ranges::equal(vectors.view().row(i), expected.view().row(i)))
          << size << " row " << i;
    }
  }
}

TEST(SymmetricEigenvectors, StopInEachStepWhenAsked) {
  ThreadPool pool(1);
  constexpr std::size_t kSize = 1056;
  constexpr int kLooks = 32 + 1 + 2;  // panels, the tridiagonal matrix, reflectors
  for (const int last : {1, 20, 33, kLooks}) {
    std::atomic<int> asked = 0;
    const StoppableLoops stoppable(pool, [&] { return ++asked == last; });
    Matrix<double> matrix = random_gram(kSize);
    EXPECT_THROW(decompose_symmetric(matrix.view(), pool), Error);
    EXPECT_EQ(asked, last);
  }
}

}  // namespace
}  // namespace vlm
