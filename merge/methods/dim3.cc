#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "merge/block_loop.h"
#include "merge/input_tensors.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

using Doubles = std::vector<double>;

constexpr double kEqualDirections = 1e-12;  // 1 - cos that is rounding alone

// How far a model moved each column of a matrix.
struct Moves {
  Doubles magnitude;  // | |x_j| - |base_j| |
  Doubles direction;  // 1 - cos(x_j, base_j)
};

Moves moves_of(const Doubles& xx, const Doubles& xb, const Doubles& bb) {
  Moves moves;
  for (std::size_t j = 0; j < xx.size(); ++j) {
    const double norms = std::sqrt(xx[j]) * std::sqrt(bb[j]);
    const double turn = norms == 0 ? 0 : 1 - xb[j] / norms;
    moves.magnitude.push_back(std::fabs(std::sqrt(xx[j]) - std::sqrt(bb[j])));
    moves.direction.push_back(turn < kEqualDirections ? 0 : turn);
  }
  return moves;
}

// Where each value stands in rising order, as a share; equal values in index order.
Doubles ranks_of(const Doubles& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  Doubles ranks(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    ranks[order[i]] = static_cast<double>(i) / static_cast<double>(values.size());
  }
  return ranks;
}

// Softmax over the models; the calibration value where a model moved more than its average.
std::vector<Doubles> scores_of(const TensorMerge& task, const std::vector<Doubles>& moves) {
  const double calibration = task.parameters.at("calibration");
  std::vector<Doubles> scores = moves;
  Doubles thresholds;
  for (const Doubles& model : moves) {
    const double mean =
        std::accumulate(model.begin(), model.end(), 0.0) / static_cast<double>(model.size());
    thresholds.push_back(task.parameters.at("above_average") * mean);
  }
  for (std::size_t j = 0; j < moves.front().size(); ++j) {
    double sum = 0;
    for (const Doubles& model : moves) sum += std::exp(model[j]);
    for (std::size_t i = 0; i < moves.size(); ++i) {
      const bool is_large = moves[i][j] > thresholds[i];
      scores[i][j] = is_large ? calibration : std::exp(moves[i][j]) / sum;
    }
  }
  return scores;
}

// [models][columns]: half the score of the magnitudes' ranks, half that of the directions'.
std::vector<Doubles> column_weights(const TensorMerge& task, const std::vector<Moves>& moves) {
  std::vector<Doubles> magnitudes;
  std::vector<Doubles> directions;
  for (const Moves& model : moves) {
    magnitudes.push_back(ranks_of(model.magnitude));
    directions.push_back(ranks_of(model.direction));
  }
  std::vector<Doubles> weights = scores_of(task, magnitudes);
  const std::vector<Doubles> turns = scores_of(task, directions);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (std::size_t j = 0; j < weights[i].size(); ++j) {
      weights[i][j] = (weights[i][j] + turns[i][j]) / 2;
    }
  }
  return weights;
}

std::span<const float> row(const TensorValues& matrix, std::size_t index, std::size_t size) {
  return matrix.in_memory().subspan(index * size, size);
}

// Of the columns of [rows, columns].
std::vector<Moves> column_moves(const TensorMerge& task, std::size_t columns) {
  const std::size_t rows = task.base.size() / columns;
  Doubles bb(columns);
  for (std::size_t i = 0; i < rows; ++i) {
    add_products(row(task.base, i, columns), row(task.base, i, columns), bb);
  }
  std::vector<Moves> moves;
  for (const ModelTensor& model : task.models) {
    Doubles xx(columns);
    Doubles xb(columns);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto values = row(model.values, i, columns);
      add_products(values, values, xx);
      add_products(values, row(task.base, i, columns), xb);
    }
    moves.push_back(moves_of(xx, xb, bb));
  }
  return moves;
}

// Of the rows: an embedding's tokens.
std::vector<Moves> row_moves(const TensorMerge& task, std::size_t columns) {
  std::vector<Moves> moves;
  for (const ModelTensor& model : task.models) {
    Doubles xx;
    Doubles xb;
    Doubles bb;
    for (std::size_t i = 0; i < task.base.size() / columns; ++i) {
      const InnerProducts products =
          inner_products(row(model.values, i, columns), row(task.base, i, columns));
      xx.push_back(products.aa);
      xb.push_back(products.ab);
      bb.push_back(products.bb);
    }
    moves.push_back(moves_of(xx, xb, bb));
  }
  return moves;
}

// Of vectors: the scores of |x - base| itself.
std::vector<Doubles> element_weights(const TensorMerge& task) {
  const std::span<const float> base = task.base.in_memory();
  std::vector<Doubles> moves;
  for (const ModelTensor& model : task.models) {
    Doubles distances;
    const std::span<const float> values = model.values.in_memory();
    for (std::size_t j = 0; j < task.base.size(); ++j) {
      distances.push_back(std::fabs(double{values[j]} - double{base[j]}));
    }
    moves.push_back(std::move(distances));
  }
  return scores_of(task, moves);
}

void merge_dim3(const TensorMerge& task, std::span<float> out) {
  std::ranges::copy(task.base.in_memory(), out.begin());
  if (out.empty()) return;
  const bool is_matrix = task.shape.size() > 1;
  const std::size_t columns = is_matrix ? task.shape.back() : out.size();
  const bool by_row = is_matrix && task.name == kEmbedName;
  std::vector<Doubles> weights = !is_matrix ? element_weights(task)
                                 : by_row   ? column_weights(task, row_moves(task, columns))
                                            : column_weights(task, column_moves(task, columns));
  std::vector<float> delta(columns);
  for (std::size_t m = 0; m < task.models.size(); ++m) {
    const double weight = task.models[m].parameters.at("weight");
    std::vector<float> factors;
    for (const double each : weights[m]) factors.push_back(static_cast<float>(weight * each));
    for (std::size_t i = 0; i < out.size() / columns; ++i) {
      subtract(row(task.models[m].values, i, columns), row(task.base, i, columns), delta);
      const std::span<float> sum = out.subspan(i * columns, columns);
      by_row ? add_scaled(delta, factors[i], sum) : add_product(delta, factors, sum);
    }
  }
}

}  // namespace

MergeMethod dim3_method() {
  return {
      .name = "dim3",
      .paper = "DiM3, arXiv 2605.12960",
      .formula =
          "base + sum_i w_i s_ij d_ij for column j (of embed_tokens: row j); s_ij is the mean "
          "of two softmaxes over the models, of the ranks of abs(norm(x_ij) - norm(base_j)) "
          "and of 1 - cos(x_ij, base_j) among the columns",
      .base = BaseRole::kRequired,
      .min_models = 1,
      .max_models = 64,
      .parameters = {any_number("weight", ParameterScope::kPerModel, 1, "factor of the model"),
                     any_number("above_average", ParameterScope::kGlobal, 1,
                                "a rank above this many times the mean gets the calibration"),
                     any_number("calibration", ParameterScope::kGlobal, 1, "score of such a rank")},
      .start = start_whole(merge_dim3),
      .complaint = nullptr};
}

}  // namespace vlm
