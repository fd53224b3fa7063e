#include "tensor/eigenvectors.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"
#include "tensor/matrix.h"

// LAPACK as Fortran has it: the last arguments are the lengths of the strings.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void dlatrd_(const char* triangle, const blasint* size, const blasint* columns, double* matrix,
             const blasint* stride, double* beside, double* factors, double* work,
             const blasint* work_stride, std::size_t triangle_length);
void dsytd2_(const char* triangle, const blasint* size, double* matrix, const blasint* stride,
             double* diagonal, double* beside, double* factors, blasint* info,
             std::size_t triangle_length);
void dstedc_(const char* job, const blasint* size, double* diagonal, double* beside,
             double* vectors, const blasint* stride, double* work, const blasint* work_size,
             blasint* integer_work, const blasint* integer_work_size, blasint* info,
             std::size_t job_length);
void dormql_(const char* side, const char* form, const blasint* rows, const blasint* columns,
             const blasint* count, const double* reflectors, const blasint* stride,
             const double* factors, double* matrix, const blasint* matrix_stride, double* work,
             const blasint* work_size, blasint* info, std::size_t side_length,
             std::size_t form_length);
}
// NOLINTEND(readability-identifier-naming)

namespace vlm {
namespace {

constexpr blasint kPanel = 32;              // columns that LAPACK reduces at once
constexpr blasint kReflectorsAtOnce = 512;  // that are applied between two looks at the pool

// One symmetric matrix, of which Fortran sees the upper triangle of columns: our rows.
class Decomposition {
 public:
  Decomposition(MatrixView<double> matrix, const ThreadPool& pool,
                std::pmr::memory_resource& memory)
      : matrix_(matrix),
        pool_(pool),
        size_(blas_int(matrix.rows())),
        values_(matrix.rows()),
        beside_(matrix.rows()),
        factors_(matrix.rows()),
        vectors_(matrix.rows(), matrix.rows(), memory),
        work_(1, 1 + 4 * matrix.rows() + vectors_.size(), memory) {}

  std::vector<double> run() {
    reduce_to_tridiagonal();
    decompose_tridiagonal();
    apply_reflectors();
    std::ranges::copy(vectors_.values(), matrix_.data());
    return std::move(values_);
  }

 private:
  [[nodiscard]] double* column(blasint index) const {
    return matrix_.row(static_cast<std::size_t>(index)).data();
  }

  // dsytrd: panels from the right, what is left of the matrix column by column.
  void reduce_to_tridiagonal() {
    blasint left = size_;
    for (; left > kPanel; left -= kPanel) {
      pool_.check_stop();
      const blasint first = left - kPanel;
      dlatrd_("U", &left, &kPanel, matrix_.data(), &size_, beside_.data(), factors_.data(),
              work_.values().data(), &size_, 1);
      cblas_dsyr2k(CblasColMajor, CblasUpper, CblasNoTrans, first, kPanel, -1, column(first), size_,
                   work_.values().data(), size_, 1, matrix_.data(), size_);
      for (blasint j = first; j < left; ++j) {
        const auto place = static_cast<std::size_t>(j);
        column(j)[j - 1] = beside_[place - 1];
        values_[place] = column(j)[j];
      }
    }
    blasint info = 0;
    dsytd2_("U", &left, matrix_.data(), &size_, values_.data(), beside_.data(), factors_.data(),
            &info, 1);
    check(info == 0, "dsytd2 takes its arguments");
  }

  void decompose_tridiagonal() {
    pool_.check_stop();
    const blasint work_size = blas_int(work_.size());
    std::vector<blasint> integers(3 + 5 * values_.size());
    const blasint integers_size = blas_int(integers.size());
    blasint info = 0;
    dstedc_("I", &size_, values_.data(), beside_.data(), vectors_.values().data(), &size_,
            work_.values().data(), &work_size, integers.data(), &integers_size, &info, 1);
    check(info == 0, "dstedc converges for finite values");
  }

  // dormtr. So few that LAPACK would apply them one by one are not left for the end.
  void apply_reflectors() {
    const blasint work_size = blas_int(work_.size());
    for (blasint first = 0; first < size_ - 1;) {
      pool_.check_stop();
      const blasint left = size_ - 1 - first;
      const blasint count = left < 2 * kReflectorsAtOnce ? left : kReflectorsAtOnce;
      const blasint rows = first + count;
      blasint info = 0;
      dormql_("L", "N", &rows, &size_, &count, column(first + 1), &size_, factors_.data() + first,
              vectors_.values().data(), &size_, work_.values().data(), &work_size, &info, 1, 1);
      check(info == 0, "dormql takes its arguments");
      first += count;
    }
  }

  MatrixView<double> matrix_;  // then the reflectors
  const ThreadPool& pool_;
  blasint size_;
  std::vector<double> values_;  // the diagonal, then the eigenvalues
  std::vector<double> beside_;  // the diagonal
  std::vector<double> factors_;
  Matrix<double> vectors_;
  Matrix<double> work_;
};

}  // namespace

std::vector<double> decompose_symmetric(MatrixView<double> matrix, const ThreadPool& pool,
                                        std::pmr::memory_resource& memory) {
  check(matrix.rows() == matrix.cols() && matrix.stride() == matrix.cols(),
        "decompose_symmetric: a square matrix");
  if (matrix.rows() == 0) return {};
  prepare_blas();
  return Decomposition(matrix, pool, memory).run();
}

}  // namespace vlm
