#include <algorithm>
#include <cmath>
#include <vector>

#include "merge/kernels/gram.h"
#include "merge/methods/input_span.h"
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

std::vector<double> model_stock_coefficients(const GramMatrix& gram) {
  const auto models = static_cast<double>(gram.size());
  std::vector<double> equal(gram.size(), distance_from_base(gram) / models);
  return equal;
}

BlockMerge start_model_stock(const TensorMerge& task, ThreadPool& pool) {
  const bool by_row = task.parameters.at("filter_wise") != 0 && task.shape.size() > 1;
  const std::size_t length =
      by_row ? elements_of(task) / std::max<std::size_t>(task.shape[0], 1) : 0;
  if (length > 0) return combine_each_run(length, model_stock_coefficients);
  return combine_models(model_stock_coefficients(gram_of(task, pool)));
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
      .start = start_model_stock,
      .complaint = nullptr};
}

}  // namespace vlm
