#include <algorithm>

#include "merge/block_loop.h"
#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// The largest singular values of each delta, so many that together they are no more than its rank
// can be, with their vectors side by side.
SingularParts largest_of_each(const TensorMerge& task) {
  const auto models = static_cast<Eigen::Index>(task.models.size());
  const auto rows = static_cast<Eigen::Index>(task.shape[0]);
  const auto columns = static_cast<Eigen::Index>(task.shape[1]);
  const Eigen::Index count = std::max<Eigen::Index>(1, std::min(rows, columns) / models);
  SingularParts all{Eigen::MatrixXd(rows, count * models), Eigen::VectorXd(count * models),
                    Eigen::MatrixXd(columns, count * models)};
  for (Eigen::Index i = 0; i < models; ++i) {
    const SingularParts parts =
        decompose(delta_matrix(task, task.models[static_cast<std::size_t>(i)]));
    all.left.middleCols(i * count, count) = parts.left.leftCols(count);
    all.right.middleCols(i * count, count) = parts.right.leftCols(count);
    all.values.segment(i * count, count) = parts.values.head(count);
  }
  return all;
}

// Gargiulo et al.: the vectors of different models are made orthogonal.
void merge_tsv_m(const TensorMerge& task, std::span<float> out) {
  if (task.shape.size() != 2 || out.empty()) return add_mean_delta(task, out);
  const SingularParts all = largest_of_each(task);
  const Eigen::MatrixXd left = orthonormal(all.left);
  const Eigen::MatrixXd right = orthonormal(all.right);
  add_matrix(task, left * all.values.asDiagonal() * right.transpose(), out);
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
          .start = start_whole(merge_tsv_m),
          .complaint = nullptr};
}

}  // namespace vlm
