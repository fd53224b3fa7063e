#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "merge/block_loop.h"
#include "merge/input_tensors.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/row_sums.h"

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

// What is summed over some rows, of each column.
class ColumnSums {
 public:
  ColumnSums(std::size_t models, std::size_t columns)
      : bb_(columns), xx_(models, Doubles(columns)), xb_(models, Doubles(columns)) {}

  void add_row(const InputBlock& row) {
    add_products(row.base, row.base, bb_);
    for (std::size_t i = 0; i < xx_.size(); ++i) {
      add_products(row.models[i], row.models[i], xx_[i]);
      add_products(row.models[i], row.base, xb_[i]);
    }
  }

  void add(const ColumnSums& more) {
    add_each(more.bb_, bb_);
    for (std::size_t i = 0; i < xx_.size(); ++i) {
      add_each(more.xx_[i], xx_[i]);
      add_each(more.xb_[i], xb_[i]);
    }
  }

  [[nodiscard]] std::vector<Moves> moves() const {
    std::vector<Moves> moves;
    for (std::size_t i = 0; i < xx_.size(); ++i) moves.push_back(moves_of(xx_[i], xb_[i], bb_));
    return moves;
  }

 private:
  static void add_each(const Doubles& more, Doubles& sum) {
    std::ranges::transform(sum, more, sum.begin(), std::plus<>());
  }

  Doubles bb_;
  std::vector<Doubles> xx_;  // of each model
  std::vector<Doubles> xb_;
};

// Of the columns of [rows, columns].
std::vector<Moves> column_moves(const TensorMerge& task, std::size_t columns, ThreadPool& pool) {
  return sum_over_rows(task, columns, ColumnSums(task.models.size(), columns), pool).moves();
}

// Of the rows: an embedding's tokens.
std::vector<Moves> row_moves(const TensorMerge& task, std::size_t columns, ThreadPool& pool) {
  const std::size_t rows = elements_of(task) / columns;
  std::vector<std::vector<InnerProducts>> products(task.models.size(),
                                                   std::vector<InnerProducts>(rows));
  const Parts parts(elements_of(task), columns);
  pool.parallel_for(parts.count(), [&](std::size_t part) {
    InputBlockReader reader(task, columns);
    parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
      for (std::size_t row = first / columns; row < (first + size) / columns; ++row) {
        const InputBlock& inputs = reader.read(row * columns, columns);
        for (std::size_t i = 0; i < products.size(); ++i) {
          products[i][row] = inner_products(inputs.models[i], inputs.base);
        }
      }
    });
  });
  std::vector<Moves> moves;
  for (const std::vector<InnerProducts>& model : products) {
    Doubles xx;
    Doubles xb;
    Doubles bb;
    for (const InnerProducts& row : model) {
      xx.push_back(row.aa);
      xb.push_back(row.ab);
      bb.push_back(row.bb);
    }
    moves.push_back(moves_of(xx, xb, bb));
  }
  return moves;
}

// Of vectors: the scores of |x - base| itself.
std::vector<Doubles> element_weights(const TensorMerge& task) {
  const std::size_t size = elements_of(task);
  InputBlockReader reader(task, size);
  const InputBlock& inputs = reader.read(0, size);
  std::vector<Doubles> moves;
  for (const std::span<const float> values : inputs.models) {
    Doubles distances;
    for (std::size_t j = 0; j < size; ++j) {
      distances.push_back(std::fabs(double{values[j]} - double{inputs.base[j]}));
    }
    moves.push_back(std::move(distances));
  }
  return scores_of(task, moves);
}

// What the models' deltas are multiplied by.
struct Factors {
  std::size_t columns;
  bool by_row;                             // else by column
  std::vector<std::vector<float>> models;  // [models][rows or columns]

  void merge(const InputBlock& inputs, std::span<float> out) const {
    std::ranges::copy(inputs.base, out.begin());
    for (std::size_t i = 0; i < models.size(); ++i) {
      subtract(inputs.models[i], inputs.base, inputs.buffers);
      for (std::size_t done = 0; done < out.size(); done += columns) {
        const std::span<const float> delta = inputs.buffers.subspan(done, columns);
        const std::span<float> sum = out.subspan(done, columns);
        by_row ? add_scaled(delta, models[i][(inputs.first + done) / columns], sum)
               : add_product(delta, models[i], sum);
      }
    }
  }
};

BlockMerge start_dim3(const TensorMerge& task, ThreadPool& pool) {
  const std::size_t size = elements_of(task);
  const bool is_matrix = task.shape.size() > 1;
  const std::size_t columns = std::max<std::size_t>(is_matrix ? task.shape.back() : size, 1);
  Factors factors{columns, is_matrix && task.name == kEmbedName, {}};
  std::vector<Doubles> weights(task.models.size());
  if (size > 0) {
    weights = !is_matrix       ? element_weights(task)
              : factors.by_row ? column_weights(task, row_moves(task, columns, pool))
                               : column_weights(task, column_moves(task, columns, pool));
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double weight = task.models[i].parameters.at("weight");
    std::vector<float>& made = factors.models.emplace_back();
    for (const double each : weights[i]) made.push_back(static_cast<float>(weight * each));
  }
  const auto merge = [factors](const InputBlock& inputs, std::span<float> out) {
    factors.merge(inputs, out);
  };
  return {.unit = columns, .buffers = 1, .takes_bfloat16 = false, .merge = merge};
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
      .start = start_dim3,
      .complaint = nullptr};
}

}  // namespace vlm
