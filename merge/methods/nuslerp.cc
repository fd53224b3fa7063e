#include <algorithm>
#include <array>
#include <cmath>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/gram.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestNorm = 1e-7;       // mergekit's
constexpr double kSmallestWeightSum = 1e-6;  // mergekit's: below, both count alike
// Where the sine is smaller the two lie on one line: the arc is the chord up to its square, or has
// no direction.
constexpr double kSmallestSine = 1e-4;

using Factors = std::array<double, 2>;

Factors arc_factors(double aa, double ab, double bb, double t) {
  const double norms =
      std::max(std::sqrt(aa), kSmallestNorm) * std::max(std::sqrt(bb), kSmallestNorm);
  const double angle = std::acos(std::clamp(ab / norms, -1.0, 1.0));
  const double sine = std::sin(angle);
  if (sine < kSmallestSine) return {1.0 - t, t};
  return {std::sin((1.0 - t) * angle) / sine, std::sin(t * angle) / sine};
}

double arc_position(const TensorMerge& task) {
  const double sum = weight_sum(task);
  if (std::fabs(sum) < kSmallestWeightSum) return 0.5;
  return task.models[1].parameters.at("weight") / sum;
}

FindCoefficients arc_at(double t) {
  return [t](const GramMatrix& gram) {
    const Factors factors = arc_factors(gram.at(0, 0), gram.at(0, 1), gram.at(1, 1), t);
    return std::vector<double>(factors.begin(), factors.end());
  };
}

// The inputs' rows, as differences from the base if there is one.
class Rows {
 public:
  Rows(const TensorMerge& task, std::size_t columns)
      : task_(task),
        columns_(columns),
        buffers_{std::vector<float>(columns), std::vector<float>(columns)} {}

  std::span<const float> row(std::size_t model, std::size_t index) {
    const auto values = task_.models[model].values.in_memory().subspan(index * columns_, columns_);
    if (task_.base.empty()) return values;
    subtract(values, base(index), buffers_[model]);
    return buffers_[model];
  }
  [[nodiscard]] std::span<const float> base(std::size_t index) const {
    return task_.base.in_memory().subspan(index * columns_, columns_);
  }

 private:
  const TensorMerge& task_;
  std::size_t columns_;
  std::array<std::vector<float>, 2> buffers_;
};

// Each column of [rows, columns] is a vector of its own.
void merge_columns(const TensorMerge& task, std::span<float> out) {
  const std::size_t rows = task.shape.front();
  const std::size_t columns = out.size() / rows;
  Rows inputs(task, columns);
  std::array<std::vector<double>, 3> products;  // aa, ab, bb of each column
  products.fill(std::vector<double>(columns));
  for (std::size_t i = 0; i < rows; ++i) {
    const auto a = inputs.row(0, i);
    const auto b = inputs.row(1, i);
    add_products(a, a, products[0]);
    add_products(a, b, products[1]);
    add_products(b, b, products[2]);
  }
  const double t = arc_position(task);
  std::array<std::vector<float>, 2> factors;
  factors.fill(std::vector<float>(columns));
  for (std::size_t j = 0; j < columns; ++j) {
    const Factors both = arc_factors(products[0][j], products[1][j], products[2][j], t);
    factors[0][j] = static_cast<float>(both[0]);
    factors[1][j] = static_cast<float>(both[1]);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const std::span<float> row = out.subspan(i * columns, columns);
    std::fill(row.begin(), row.end(), 0.0F);
    for (std::size_t model = 0; model < 2; ++model) {
      add_product(inputs.row(model, i), factors[model], row);
    }
    if (!task.base.empty()) add_scaled(inputs.base(i), 1.0F, row);
  }
}

BlockMerge start_nuslerp(const TensorMerge& task, ThreadPool& pool) {
  const FindCoefficients find = arc_at(arc_position(task));
  const bool is_whole = task.parameters.at("nuslerp_flatten") != 0 || task.shape.size() < 2;
  if (is_whole || elements_of(task) == 0) return combine_models(find(gram_of(task, pool)));
  if (task.parameters.at("nuslerp_row_wise") == 0) return combine_each_run(task.shape.back(), find);
  return start_whole(merge_columns)(task, pool);
}

}  // namespace

MergeMethod nuslerp_method() {
  return {
      .name = "nuslerp",
      .paper = "Goddard et al. 2024, \"Arcee's MergeKit\"; arcs as in `slerp`",
      .formula =
          "slerp of the two models, or base + slerp of their deltas, at t = w_2 / (w_1 + w_2)",
      .base = BaseRole::kOptional,
      .min_models = 2,
      .max_models = 2,
      .parameters = {weight_parameter(), flag("nuslerp_flatten", true, "a tensor is one vector"),
                     flag("nuslerp_row_wise", false,
                          "if not flattened: the vectors run along the first dimension, not "
                          "the last"),
                     int8_mask_parameter()},
      .start = start_nuslerp,
      .complaint = nullptr};
}

}  // namespace vlm
