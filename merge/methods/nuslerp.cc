#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/gram.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/row_sums.h"

namespace vlm {
namespace {

constexpr double kSmallestNorm = 1e-7;       // mergekit's
constexpr double kSmallestWeightSum = 1e-6;  // mergekit's: below, both count alike
// Where the sine is smaller the two lie on one line: the arc is the chord up to its square, or has
// no direction.
constexpr double kSmallestArcSine = 1e-4;

using ArcFactors = std::array<double, 2>;
using ColumnFactors = std::array<std::vector<float>, 2>;  // [inputs][columns]

ArcFactors arc_factors(double aa, double ab, double bb, double t) {
  const double norms =
      std::max(std::sqrt(aa), kSmallestNorm) * std::max(std::sqrt(bb), kSmallestNorm);
  const double angle = std::acos(std::clamp(ab / norms, -1.0, 1.0));
  const double sine = std::sin(angle);
  if (sine < kSmallestArcSine) return {1.0 - t, t};
  return {std::sin((1.0 - t) * angle) / sine, std::sin(t * angle) / sine};
}

double arc_position(const TensorMerge& task) {
  const double sum = weight_sum(task);
  if (std::fabs(sum) < kSmallestWeightSum) return 0.5;
  return task.models[1].parameters.at("weight") / sum;
}

FindCoefficients arc_at(double t) {
  return [t](const GramMatrix& gram) {
    const ArcFactors factors = arc_factors(gram.at(0, 0), gram.at(0, 1), gram.at(1, 1), t);
    return std::vector<double>(factors.begin(), factors.end());
  };
}

// Of each column of the two inputs, or of their differences from the base if there is one.
class ColumnProducts {
 public:
  explicit ColumnProducts(std::size_t columns) {
    products_.fill(std::vector<double>(columns));
    deltas_.fill(std::vector<float>(columns));
  }

  void add_row(const InputBlock& row) {
    std::array<std::span<const float>, 2> vectors{row.models[0], row.models[1]};
    for (std::size_t i = 0; i < vectors.size() && !row.base.empty(); ++i) {
      subtract(row.models[i], row.base, deltas_[i]);
      vectors[i] = deltas_[i];
    }
    const auto& [a, b] = vectors;
    add_products(a, a, products_[0]);
    add_products(a, b, products_[1]);
    add_products(b, b, products_[2]);
  }

  void add(const ColumnProducts& more) {
    for (std::size_t i = 0; i < products_.size(); ++i) {
      std::ranges::transform(products_[i], more.products_[i], products_[i].begin(), std::plus<>());
    }
  }

  [[nodiscard]] ColumnFactors factors(double t) const {
    const std::size_t columns = products_.front().size();
    ColumnFactors factors;
    factors.fill(std::vector<float>(columns));
    for (std::size_t j = 0; j < columns; ++j) {
      const ArcFactors both = arc_factors(products_[0][j], products_[1][j], products_[2][j], t);
      for (std::size_t i = 0; i < both.size(); ++i) factors[i][j] = static_cast<float>(both[i]);
    }
    return factors;
  }

 private:
  std::array<std::vector<double>, 3> products_;  // aa, ab, bb
  std::array<std::vector<float>, 2> deltas_;     // of one row
};

void merge_rows(const ColumnFactors& factors, const InputBlock& inputs, std::span<float> out) {
  const std::size_t columns = factors.front().size();
  std::ranges::fill(out, 0.0F);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    std::span<const float> vectors = inputs.models[i];
    if (!inputs.base.empty()) {
      subtract(inputs.models[i], inputs.base, inputs.buffers);
      vectors = inputs.buffers;
    }
    for (std::size_t done = 0; done < out.size(); done += columns) {
      add_product(vectors.subspan(done, columns), factors[i], out.subspan(done, columns));
    }
  }
  if (!inputs.base.empty()) add_scaled(inputs.base, 1.0F, out);
}

// Each column of [rows, columns] is a vector of its own.
BlockMerge combine_each_column(const TensorMerge& task, ThreadPool& pool) {
  const std::size_t columns = elements_of(task) / task.shape.front();
  const ColumnFactors factors =
      sum_over_rows(task, columns, ColumnProducts(columns), pool).factors(arc_position(task));
  const auto merge = [factors](const InputBlock& inputs, std::span<float> out) {
    merge_rows(factors, inputs, out);
  };
  return {.unit = columns, .buffers = 1, .takes_bfloat16 = false, .merge = merge};
}

BlockMerge start_nuslerp(const TensorMerge& task, ThreadPool& pool) {
  const FindCoefficients find = arc_at(arc_position(task));
  const bool is_whole = task.parameters.at("nuslerp_flatten") != 0 || task.shape.size() < 2;
  if (is_whole || elements_of(task) == 0) return combine_models(find(gram_of(task, pool)));
  if (task.parameters.at("nuslerp_row_wise") == 0) return combine_each_run(task.shape.back(), find);
  return combine_each_column(task, pool);
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
