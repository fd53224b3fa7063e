#include "merge/block_loop.h"
#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// Marczak et al.: the sum of the task vectors with all singular values at their mean.
void merge_iso_c(const TensorMerge& task, std::span<float> out) {
  if (task.shape.size() != 2 || out.empty()) return add_mean_delta(task, out);
  Eigen::MatrixXd sum = delta_matrix(task, task.models.front());
  for (std::size_t i = 1; i < task.models.size(); ++i) sum += delta_matrix(task, task.models[i]);
  const SingularParts parts = decompose(sum);
  add_matrix(task, parts.values.mean() * (parts.left * parts.right.transpose()), out);
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
          .start = start_whole(merge_iso_c),
          .complaint = nullptr};
}

}  // namespace vlm
