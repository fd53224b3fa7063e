#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/divide_up.h"
#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "tensor/double_products.h"

namespace vlm {
namespace {

// The largest singular values of each delta, so many that together they are no more than its rank
// can be. A direction whose value is 0 is not there.
class LargestParts {
 public:
  LargestParts(const TensorMerge& task, const DeltaMatrices& deltas, ThreadPool& pool)
      : deltas_(deltas),
        num_models_(task.models.size()),
        count_(std::max<std::size_t>(1, deltas.width() / num_models_)),
        scaled_right_(count_ * num_models_, deltas.width(), deltas.memory()) {
    for (std::size_t i = 0; i < num_models_; ++i) {
      const LongMatrix delta = deltas.of_model(i);
      const RightVectors parts = find_right_vectors(delta, pool);
      for (std::size_t j = 0; j < count_; ++j) {
        const double value = parts.values[j];
        values_.push_back(value);
        const auto from = parts.vectors.view().row(j);
        const auto to = scaled_right_.view().row(i * count_ + j);
        for (std::size_t k = 0; k < to.size() && value != 0; ++k) to[k] = from[k] / value;
      }
    }
  }

  [[nodiscard]] std::size_t total() const noexcept { return values_.size(); }
  [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }
  // Of each part its right vector divided by its value [total, width]: those of a model, of all.
  [[nodiscard]] MatrixView<const double> scaled_right(std::size_t model) const {
    return scaled_right_.view().rows(model * count_, count_);
  }
  [[nodiscard]] MatrixView<const double> scaled_right() const { return scaled_right_.view(); }
  [[nodiscard]] std::size_t num_models() const noexcept { return num_models_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::pmr::memory_resource& memory() const { return scaled_right_.memory(); }

  // The left vectors in the rows that `add_delta` adds, side by side [rows, total].
  void left(const AddDelta& add_delta, MatrixView<double> out) const {
    for (std::size_t i = 0; i < num_models_; ++i) {
      Matrix<double> rows(out.rows(), scaled_right_.cols());
      add_delta(i, rows.view());
      multiply_transposed(std::as_const(rows).view(), scaled_right(i),
                          out.columns(i * count_, count_));
    }
  }

  // The vectors side by side [length, total] and [width, total]. This object must outlive them.
  [[nodiscard]] LongMatrix all_left() const {
    const auto read = [this](std::size_t first, MatrixView<double> out, ThreadPool& pool) {
      constexpr std::size_t kStripe = 64;
      pool.parallel_for(divide_up(out.rows(), kStripe), [&](std::size_t i) {
        ThreadPool alone(1);
        const std::size_t begin = i * kStripe;
        const MatrixView<double> rows = out.rows(begin, std::min(kStripe, out.rows() - begin));
        left([&](std::size_t model,
                 MatrixView<double> sum) { deltas_.add(model, first + begin, sum, alone); },
             rows);
      });
    };
    return {deltas_.length(), total(), read, &memory()};
  }
  [[nodiscard]] LongMatrix all_right() const {
    const auto read = [this](std::size_t first, MatrixView<double> out, ThreadPool& /*pool*/) {
      for (std::size_t j = 0; j < out.cols(); ++j) {
        const auto scaled = scaled_right().row(j);
        for (std::size_t i = 0; i < out.rows(); ++i) {
          out.row(i)[j] = scaled[first + i] * values_[j];
        }
      }
    };
    return {deltas_.width(), total(), read, &memory()};
  }

 private:
  const DeltaMatrices& deltas_;
  std::size_t num_models_;
  std::size_t count_;  // of each model
  std::vector<double> values_;
  Matrix<double> scaled_right_;
};

void scale_columns(const std::vector<double>& factors, MatrixView<double> matrix) {
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    for (std::size_t j = 0; j < matrix.cols(); ++j) matrix.row(i)[j] *= factors[j];
  }
}

// What left vectors are multiplied by: with U, V those of all models it is
// (U^T U)^(-1/2) S (V^T V)^(-1/2) V^T.
Matrix<double> right_factor(const LargestParts& parts, ThreadPool& pool) {
  const auto root_of = [&](const LongMatrix& vectors) {
    return inverse_root(find_right_vectors(vectors, pool), pool);
  };
  const auto product_of_roots = [&] {
    Matrix<double> left = root_of(parts.all_left());
    scale_columns(parts.values(), left.view());
    const Matrix<double> right = root_of(parts.all_right());
    Matrix<double> product(parts.total(), parts.total(), parts.memory());
    multiply(std::as_const(left).view(), right.view(), product.view(), pool);
    return product;
  };
  Matrix<double> between = product_of_roots();
  scale_columns(parts.values(), between.view());
  Matrix<double> factor(parts.total(), parts.scaled_right().cols(), parts.memory());
  multiply(std::as_const(between).view(), parts.scaled_right(), factor.view(), pool);
  return factor;
}

// Gargiulo et al.: the vectors of different models are made orthogonal.
BlockMerge start_tsv_m(const TensorMerge& task, ThreadPool& pool) {
  if (!is_decomposed(task)) return mean_delta(task);
  const DeltaMatrices deltas(task);
  const auto parts = std::make_shared<const LargestParts>(task, deltas, pool);
  const auto factor = std::make_shared<const Matrix<double>>(right_factor(*parts, pool));
  const auto merge = [parts, factor](const AddDelta& add_delta, MatrixView<double> out) {
    Matrix<double> left(out.rows(), parts->total());
    parts->left(add_delta, left.view());
    multiply(std::as_const(left).view(), factor->view(), out);
  };
  return add_merged_rows(task, deltas, merge, pool);
}

// The right vectors, a root, and what it takes to find the other; or the factors and the result.
MergeMemory tsv_m_memory(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const std::uint64_t square = square_bytes(
      std::max<std::uint64_t>(std::min(task.shape[0], task.shape[1]), task.models.size()));
  const bool is_transposed = task.shape[0] < task.shape[1];
  const std::uint64_t result = is_transposed ? transposed_result_bytes(task) : 0;
  return {std::max(6 * square, 2 * square + result), kMatrixThreadBytes};
}

// Eigenvectors of each delta, of the left vectors and of the right ones, which are as many as one
// side; left vectors are found for their inner products and for the result.
MergeWork tsv_m_work(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const auto num_models = static_cast<double>(task.models.size());
  const MatrixOperations delta = MatrixOperations::of(task);
  const MatrixOperations square{delta.width, delta.width};
  return {(num_models + 1) * delta.inner_products() + 3 * delta.product() +
              square.inner_products() + 2 * square.root() + 2 * square.product(),
          (num_models + 2) * delta.eigenvectors()};
}

}  // namespace

MergeMethod tsv_m_method() {
  return {.name = "tsv_m",
          .paper = "Gargiulo et al., CVPR 2025, \"Task singular vectors\"",
          .formula =
              "base + lambda U S V^T for matrices: the largest 1/N of the singular vectors of each "
              "d_i side by side, U and V each replaced by the nearest orthonormal matrix; base + "
              "lambda mean_i d_i for other tensors",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {any_number("lambda", ParameterScope::kGlobal, 1,
                                    "factor of the combined delta")},
          .start = start_tsv_m,
          .complaint = nullptr,
          .memory = tsv_m_memory,
          .work = tsv_m_work};
}

}  // namespace vlm
