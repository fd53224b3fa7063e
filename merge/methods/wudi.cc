#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/divide_up.h"
#include "merge/kernels/symmetric_tiles.h"
#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "tensor/double_products.h"

namespace vlm {
namespace {

// What is added to the diagonal of a system that may be singular, of its largest eigenvalue. A
// second step takes back nearly all that it changes: what is left is (kRidge / e)^2 for a direction
// with the share e of that eigenvalue.
constexpr double kRidge = 1e-10;
constexpr std::size_t kSolvedRows = 128;  // solved on one thread

// rows * matrix^-1 for symmetric matrices without negative eigenvalues; of directions with
// eigenvalue 0 nothing (the pseudo-inverse).
class RidgeSolver {
 public:
  RidgeSolver(SymmetricTiles matrix, ThreadPool& pool) : factor_(std::move(matrix)) {
    const double largest = factor_.estimate_largest_eigenvalue();
    ridge_ = largest == 0 ? 1 : kRidge * largest;
    factor_.add_to_diagonal(ridge_);
    is_solvable_ = factor_.factorize(pool);
  }

  // Runs on the calling thread. NaN if the matrix is not finite.
  void solve(MatrixView<double> rows) const {
    if (!is_solvable_) {
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        std::ranges::fill(rows.row(i), std::nan(""));
      }
      return;
    }
    factor_.solve(rows);
    Matrix<double> second(rows.rows(), rows.cols());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const auto to = second.view().row(i);
      for (std::size_t j = 0; j < to.size(); ++j) to[j] = ridge_ * rows.row(i)[j];
    }
    factor_.solve(second.view());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const auto more = std::as_const(second).view().row(i);
      for (std::size_t j = 0; j < more.size(); ++j) rows.row(i)[j] += more[j];
    }
  }

 private:
  SymmetricTiles factor_;
  double ridge_ = 1;
  bool is_solvable_ = false;
};

double trace(const SymmetricTiles& products) {
  double sum = 0;
  for (std::size_t i = 0; i < products.size(); ++i) sum += products.at(i, i);
  return sum;
}

double inverse_or_zero(double value) {
  return value == 0 ? 0 : 1 / value;
}

// One factor of each model: the merged delta is the sum of the deltas, each times its factor.
using ColumnsFactors = std::vector<Matrix<double>>;

// d_i from the left: I + (C_i - C) C^+ with C_i = d_i^T d_i / |d_i|^2 and C = sum_i C_i.
ColumnsFactors factors_of_columns(const DeltaMatrices& deltas, std::size_t num_models,
                                  ThreadPool& pool) {
  std::vector<SymmetricTiles> each;
  SymmetricTiles all(deltas.width(), deltas.memory());
  for (std::size_t i = 0; i < num_models; ++i) {
    SymmetricTiles products = inner_products(deltas.of_model(i), pool);
    SymmetricTiles shares(deltas.width(), deltas.memory());
    shares.add(products, inverse_or_zero(trace(products)));
    all.add(shares, 1);
    each.push_back(std::move(shares));
  }
  for (SymmetricTiles& products : each) products.add(all, -1);
  const RidgeSolver solver(std::move(all), pool);
  ColumnsFactors factors;
  for (SymmetricTiles& products : each) {
    Matrix<double>& factor = factors.emplace_back(products.dense());
    products = SymmetricTiles(0);
    pool.parallel_for(divide_up(factor.rows(), kSolvedRows), [&](std::size_t i) {
      const std::size_t first = i * kSolvedRows;
      const std::size_t count = std::min(kSolvedRows, factor.rows() - first);
      solver.solve(factor.view().rows(first, count));
      for (std::size_t row = first; row < first + count; ++row) factor.view().row(row)[row] += 1;
    });
  }
  return factors;
}

// The deltas below each other, transposed: [length, num_models * width].
LongMatrix side_by_side(const DeltaMatrices& deltas, std::size_t num_models) {
  const auto read = [&deltas, num_models](std::size_t first, MatrixView<double> out,
                                          ThreadPool& pool) {
    for (std::size_t i = 0; i < num_models; ++i) {
      deltas.add(i, first, out.columns(i * deltas.width(), deltas.width()), pool);
    }
  };
  return {deltas.length(), num_models * deltas.width(), read, &deltas.memory()};
}

// Makes the rows' products with every row of all deltas those with the unit deltas, as both sides
// of the system have them.
class RowSystem {
 public:
  RowSystem(const DeltaMatrices& deltas, std::size_t num_models, ThreadPool& pool)
      : width_(deltas.width()), products_(inner_products(side_by_side(deltas, num_models), pool)) {
    for (std::size_t i = 0; i < num_models; ++i) {
      double square = 0;
      for (std::size_t j = i * width_; j < (i + 1) * width_; ++j) square += products_.at(j, j);
      inverse_norms_.push_back(inverse_or_zero(std::sqrt(square)));
    }
  }

  // Rows [first, first + out.rows()) of R - tau_0 S^T.
  void rest(std::size_t first, MatrixView<double> out) const {
    Matrix<double> part(out.rows(), width_);
    for (std::size_t j = 0; j < inverse_norms_.size(); ++j) {
      for (std::size_t i = 0; i < inverse_norms_.size(); ++i) {
        if (i == j) continue;  // its product with itself is in R and in tau_0 S^T
        products_.copy(i * width_ + first, j * width_, part.view());
        for (std::size_t row = 0; row < out.rows(); ++row) {
          const auto from = std::as_const(part).view().row(row);
          const auto to = out.row(row).subspan(j * width_, width_);
          for (std::size_t k = 0; k < to.size(); ++k) to[k] -= inverse_norms_[j] * from[k];
        }
      }
    }
  }
  [[nodiscard]] const std::vector<double>& inverse_norms() const noexcept { return inverse_norms_; }
  // S S^T. Nothing is left here.
  [[nodiscard]] SymmetricTiles take_system() {
    const std::vector<double>& norms = inverse_norms_;
    products_.scale([&](std::size_t place) { return norms[place / width_]; });
    return std::move(products_);
  }

 private:
  std::size_t width_;
  std::vector<double> inverse_norms_;
  SymmetricTiles products_;
};

// d_i from the right: with S = the d_i / |d_i| below each other and R = the d_i d_i^T / |d_i| side
// by side the sum of the deltas is changed by (R - tau_0 S^T) (S S^T)^+ S. Transposed, as the
// deltas are.
ColumnsFactors factors_of_rows(const DeltaMatrices& deltas, std::size_t num_models,
                               ThreadPool& pool) {
  const std::size_t width = deltas.width();
  RowSystem system(deltas, num_models, pool);
  Matrix<double> rests(width, num_models * width, deltas.memory());
  const std::size_t stripes = divide_up(width, kSolvedRows);
  const auto stripe = [&](std::size_t i) {
    const std::size_t first = i * kSolvedRows;
    return rests.view().rows(first, std::min(kSolvedRows, width - first));
  };
  pool.parallel_for(stripes, [&](std::size_t i) { system.rest(i * kSolvedRows, stripe(i)); });
  {
    const RidgeSolver solver(system.take_system(), pool);
    pool.parallel_for(stripes, [&](std::size_t i) { solver.solve(stripe(i)); });
  }
  ColumnsFactors factors(num_models);
  pool.parallel_for(num_models, [&](std::size_t model) {
    factors[model] = Matrix<double>(width, width, deltas.memory());
    for (std::size_t row = 0; row < width; ++row) {
      const auto from = std::as_const(rests).view().row(row).subspan(model * width, width);
      for (std::size_t col = 0; col < width; ++col) {
        factors[model].view().row(col)[row] = system.inverse_norms()[model] * from[col];
      }
      factors[model].view().row(row)[row] += 1;
    }
  });
  return factors;
}

// The products and the right sides; or those, or the result, and the factors.
std::uint64_t factors_of_rows_bytes(const TensorMerge& task) {
  const std::uint64_t factors = task.models.size() * square_bytes(task.shape[0]);
  return factors + std::max({SymmetricTiles::size_bytes(task.models.size() * task.shape[0]),
                             factors, transposed_result_bytes(task)});
}

// The factors and the system.
std::uint64_t factors_of_columns_bytes(const TensorMerge& task) {
  return task.models.size() * square_bytes(task.shape[1]) +
         SymmetricTiles::size_bytes(task.shape[1]);
}

bool is_by_rows(const TensorMerge& task) {
  return factors_of_rows_bytes(task) < factors_of_columns_bytes(task);
}

// Beside those a panel of all rows, or the products that the last factor is made of.
MergeMemory wudi_memory(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const std::uint64_t bytes =
      is_by_rows(task)
          ? factors_of_rows_bytes(task) + panel_bytes(task.models.size() * task.shape[0])
          : factors_of_columns_bytes(task) + SymmetricTiles::size_bytes(task.shape[1]);
  return {bytes, kMatrixThreadBytes};
}

// Cholesky's factor takes a third of a cube; rows are solved twice by both triangles.
double solving(double rows, double size) {
  return size * size * (size / 3 + 4 * rows);
}

MergeWork wudi_work(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const auto num_models = static_cast<double>(task.models.size());
  const auto rows = static_cast<double>(task.shape[0]);
  const auto columns = static_cast<double>(task.shape[1]);
  if (is_by_rows(task)) {
    const MatrixOperations all{columns, num_models * rows};
    return {all.inner_products() + solving(rows, num_models * rows) +
                num_models * MatrixOperations{columns, rows}.product(),
            0};
  }
  const MatrixOperations delta{rows, columns};
  return {num_models * (delta.inner_products() + delta.product()) +
              solving(num_models * columns, columns),
          0};
}

// The minimum of sum_i |(tau - d_i) d_i^T|^2 / |d_i|^2 nearest to tau_0 = sum_i d_i, from the
// system that takes less memory: of the columns, or of the rows of all deltas.
BlockMerge start_wudi(const TensorMerge& task, ThreadPool& pool) {
  if (!is_decomposed(task)) return mean_delta(task);
  const std::size_t num_models = task.models.size();
  const DeltaMatrices deltas(task, is_by_rows(task));
  const auto factors = std::make_shared<const ColumnsFactors>(
      deltas.is_transposed() ? factors_of_rows(deltas, num_models, pool)
                             : factors_of_columns(deltas, num_models, pool));
  const auto merge = [factors](const AddDelta& add_delta, MatrixView<double> out) {
    for (std::size_t i = 0; i < factors->size(); ++i) {
      Matrix<double> rows(out.rows(), out.cols());
      add_delta(i, rows.view());
      add_product(std::as_const(rows).view(), (*factors)[i].view(), out);
    }
  };
  return add_merged_rows(task, deltas, merge, pool);
}

}  // namespace

MergeMethod wudi_method() {
  return {
      .name = "wudi",
      .paper =
          "Cheng et al., ICML 2025, \"Whoever started the interference\" (WUDI), solved exactly",
      .formula =
          "base + lambda tau for matrices, tau the minimum of sum_i norm((tau - d_i) d_i^T)^2 / "
          "norm(d_i)^2 that is nearest to sum_i d_i; base + lambda mean_i d_i for other tensors",
      .base = BaseRole::kRequired,
      .min_models = 1,
      .max_models = 64,
      .parameters = {any_number("lambda", ParameterScope::kGlobal, 1,
                                "factor of the combined delta")},
      .start = start_wudi,
      .complaint = nullptr,
      .memory = wudi_memory,
      .work = wudi_work};
}

}  // namespace vlm
