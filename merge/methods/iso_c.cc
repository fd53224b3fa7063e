#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>

#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "tensor/double_products.h"

namespace vlm {
namespace {

// Marczak et al.: the sum D of the task vectors with all singular values at their mean, which is
// mean(S) D (D^T D)^(-1/2). Where a singular value is 0, U V^T can be anything; here it is 0.
BlockMerge start_iso_c(const TensorMerge& task, ThreadPool& pool) {
  if (!is_decomposed(task)) return mean_delta(task);
  const DeltaMatrices deltas(task);
  const LongMatrix sum = deltas.sum();
  RightVectors parts = find_right_vectors(sum, pool);
  const double mean = std::accumulate(parts.values.begin(), parts.values.end(), 0.0) /
                      static_cast<double>(parts.values.size());
  const auto root = std::make_shared<Matrix<double>>(inverse_root(std::move(parts), pool));
  for (std::size_t i = 0; i < root->rows(); ++i) {
    for (double& value : root->view().row(i)) value *= mean;
  }
  const auto merge = [root, num_models = task.models.size()](const AddDelta& add_delta,
                                                             MatrixView<double> out) {
    Matrix<double> rows(out.rows(), out.cols());
    for (std::size_t i = 0; i < num_models; ++i) add_delta(i, rows.view());
    multiply(std::as_const(rows).view(), std::as_const(*root).view(), out);
  };
  return add_merged_rows(task, deltas, merge, pool);
}

// While vectors are found a second time; or the root and the result.
MergeMemory iso_c_memory(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const std::uint64_t square = square_bytes(std::min(task.shape[0], task.shape[1]));
  const bool is_transposed = task.shape[0] < task.shape[1];
  const std::uint64_t result = is_transposed ? transposed_result_bytes(task) : 0;
  return {std::max(4 * square, square + result), kMatrixThreadBytes};
}

MergeWork iso_c_work(const TensorMerge& task) {
  if (!is_decomposed(task)) return {};
  const MatrixOperations sum = MatrixOperations::of(task);
  return {sum.inner_products() + sum.root() + sum.product(), sum.eigenvectors()};
}

}  // namespace

MergeMethod iso_c_method() {
  return {.name = "iso_c",
          .paper = "Marczak et al., ICML 2025, \"No task left behind\" (Iso-C)",
          .formula =
              "base + lambda mean(S) U V^T with U S V^T = sum_i d_i, for matrices; base + lambda "
              "mean_i d_i for other tensors",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {any_number("lambda", ParameterScope::kGlobal, 1.5,
                                    "factor of the combined delta")},
          .start = start_iso_c,
          .complaint = nullptr,
          .memory = iso_c_memory,
          .work = iso_c_work};
}

}  // namespace vlm
