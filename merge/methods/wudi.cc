#include <cmath>

#include "merge/block_loop.h"
#include "merge/methods/matrices.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestEigenvalue = 1e-10;  // of the largest; below, a direction is not there

Eigen::MatrixXd pseudo_inverse(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
  const Eigen::VectorXd& values = solver.eigenvalues();
  const double cut = kSmallestEigenvalue * values.maxCoeff();
  const Eigen::VectorXd inverse =
      (values.array() > cut).select(values.array().inverse(), 0.0).matrix();
  return solver.eigenvectors() * inverse.asDiagonal() * solver.eigenvectors().transpose();
}

// The minimum of sum_i |(tau - t_i) t_i^T|^2 / |t_i|^2 nearest to tau_0 = sum_i t_i. With
// S = the t_i / |t_i| below each other and R = the t_i t_i^T / |t_i| side by side it is
// tau_0 + (R - tau_0 S^T) (S S^T)^+ S = tau_0 + (R S - tau_0 S^T S) (S^T S)^+: the smaller of the
// two systems is solved.
Eigen::MatrixXd closed_form(const std::vector<Eigen::MatrixXd>& deltas) {
  const Eigen::Index rows = deltas.front().rows();
  const Eigen::Index columns = deltas.front().cols();
  const Eigen::Index stacked = rows * static_cast<Eigen::Index>(deltas.size());
  Eigen::MatrixXd start = Eigen::MatrixXd::Zero(rows, columns);
  Eigen::MatrixXd stack(stacked, columns);   // S
  Eigen::MatrixXd responses(rows, stacked);  // R
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    const double norm = deltas[i].norm();
    const Eigen::MatrixXd direction = norm == 0 ? deltas[i] : Eigen::MatrixXd(deltas[i] / norm);
    const auto at = static_cast<Eigen::Index>(i) * rows;
    start += deltas[i];
    stack.middleRows(at, rows) = direction;
    responses.middleCols(at, rows) = deltas[i] * direction.transpose();
  }
  const Eigen::MatrixXd rest = responses - start * stack.transpose();
  if (stacked <= columns) return start + rest * pseudo_inverse(stack * stack.transpose()) * stack;
  return start + rest * stack * pseudo_inverse(stack.transpose() * stack);
}

void merge_wudi(const TensorMerge& task, std::span<float> out) {
  if (task.shape.size() != 2 || out.empty()) return add_mean_delta(task, out);
  std::vector<Eigen::MatrixXd> deltas;
  for (const ModelTensor& model : task.models) deltas.push_back(delta_matrix(task, model));
  add_matrix(task, closed_form(deltas), out);
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
      .start = start_whole(merge_wudi),
      .complaint = nullptr};
}

}  // namespace vlm
