#include <algorithm>
#include <cmath>
#include <vector>

#include "merge/kernels/gram.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestNormProduct = 1e-6;  // mergekit's
constexpr double kSmallestDenominator = 1e-6;  // nearer to the pole the base is taken

// Jang et al.: t = N c / (1 + (N - 1) c), c the mean cosine of all pairs of deltas.
double distance_from_base(const GramMatrix& gram) {
  const std::size_t count = gram.size();
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      const double norms = std::sqrt(gram.at(i, i)) * std::sqrt(gram.at(j, j));
      sum += std::clamp(gram.at(i, j) / std::max(norms, kSmallestNormProduct), -1.0, 1.0);
    }
  }
  const auto models = static_cast<double>(count);
  const double cosine = sum / (models * (models - 1) / 2);
  const double denominator = 1 + (models - 1) * cosine;
  return std::fabs(denominator) < kSmallestDenominator ? 0 : models * cosine / denominator;
}

void merge_model_stock(const TensorMerge& task, std::span<float> out) {
  Vectors inputs;
  for (const ModelTensor& model : task.models) inputs.push_back(model.values);
  const bool by_row = task.parameters.at("filter_wise") != 0 && task.shape.size() > 1;
  const std::size_t length = by_row && !out.empty() ? out.size() / task.shape.front() : out.size();
  for (std::size_t first = 0; first < out.size(); first += length) {
    const Vectors rows = part_of(inputs, first, length);
    const std::span<const float> base = task.base.subspan(first, length);
    const double t = distance_from_base(gram_matrix(rows, base));
    const std::vector<double> factors(rows.size(), t / static_cast<double>(rows.size()));
    combine(rows, base, factors, out.subspan(first, length));
  }
}

}  // namespace

MergeMethod model_stock_method() {
  return {
      .name = "model_stock",
      .paper = "Jang et al., ECCV 2024, \"Model Stock\"",
      .formula = "base + t mean_i d_i, t = N c / (1 + (N-1) c), c the mean cosine of two deltas",
      .base = BaseRole::kRequired,
      .min_models = 2,
      .max_models = 64,
      .parameters = {flag("filter_wise", false, "each row has its own angle"),
                     int8_mask_parameter()},
      .merge = merge_model_stock,
      .complaint = nullptr};
}

}  // namespace vlm
