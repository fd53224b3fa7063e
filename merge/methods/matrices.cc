#include "merge/methods/matrices.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/divide_up.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/input_span.h"

namespace vlm {
namespace {

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 19U;  // elements of the rows merged at once
constexpr std::size_t kPiece = 64;                          // rows that one thread reads
constexpr std::size_t kTransposed = 8;                      // rows that are transposed at once

double value_of(float stored) {
  return double{stored};
}

double value_of(Bfloat16 stored) {
  return double{to_float(stored)};
}

void add_row(std::span<const float> row, std::span<double> sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += double{row[i]};
}

std::size_t rows_at_once(std::size_t width) {
  return std::max<std::size_t>(1, kRowsAtOnce / width);
}

// Of a tensor whose deltas are not transposed: `inputs` are some of its rows.
void merge_block(const MergeRows& merge, std::size_t width, double lambda, const InputBlock& inputs,
                 std::span<float> out) {
  const std::size_t rows = inputs.size / width;
  const auto add_delta = [&](std::size_t model, MatrixView<double> sum) {
    std::vector<float> delta(width);
    for (std::size_t row = 0; row < rows; ++row) {
      inputs.visit([&](auto base, const auto& models) {
        subtract(models[model].subspan(row * width, width), base.subspan(row * width, width),
                 delta);
      });
      add_row(delta, sum.row(row));
    }
  };
  Matrix<double> merged(rows, width);
  merge(add_delta, merged.view());
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<const double> delta = std::as_const(merged).view().row(row);
    inputs.visit([&](auto base, const auto& /*models*/) {
      for (std::size_t i = 0; i < width; ++i) {
        out[row * width + i] =
            static_cast<float>(value_of(base[row * width + i]) + lambda * delta[i]);
      }
    });
  }
}

// The merged tensor whose deltas are transposed: columns [first, first + merged.rows()).
void write_columns(const TensorMerge& task, std::size_t first, double lambda,
                   MatrixView<const double> merged, MatrixView<float> out) {
  std::vector<float> scratch(merged.rows());
  for (std::size_t row = 0; row < out.rows(); ++row) {
    const std::span<const float> base =
        task.base.read(row * out.cols() + first, merged.rows(), scratch);
    const std::span<float> to = out.row(row).subspan(first, merged.rows());
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i] = static_cast<float>(double{base[i]} + lambda * merged.row(i)[row]);
    }
  }
}

BlockMerge merge_columns(const TensorMerge& task, const DeltaMatrices& deltas,
                         const MergeRows& merge, ThreadPool& pool) {
  const auto all =
      std::make_shared<Matrix<float>>(deltas.width(), deltas.length(), deltas.memory());
  const MatrixView<float> out = all->view();
  const std::size_t step = rows_at_once(deltas.width());
  const double lambda = task.parameters.at("lambda");
  pool.parallel_for(divide_up(deltas.length(), step), [&](std::size_t i) {
    const std::size_t first = i * step;
    ThreadPool alone(1);
    Matrix<double> merged(std::min(step, deltas.length() - first), deltas.width());
    merge([&](std::size_t model, MatrixView<double> sum) { deltas.add(model, first, sum, alone); },
          merged.view());
    write_columns(task, first, lambda, std::as_const(merged).view(), out);
  });
  const auto copy = [all](const InputBlock& inputs, std::span<float> result) {
    std::ranges::copy(all->values().subspan(inputs.first, inputs.size), result.begin());
  };
  return {.unit = 1, .buffers = 0, .takes_bfloat16 = true, .merge = copy};
}

}  // namespace

bool is_decomposed(const TensorMerge& task) {
  return task.shape.size() == 2 && elements_of(task) > 0;
}

BlockMerge mean_delta(const TensorMerge& task) {
  const double factor = task.parameters.at("lambda") / static_cast<double>(task.models.size());
  return combine_models(std::vector<double>(task.models.size(), factor));
}

std::uint64_t transposed_result_bytes(const TensorMerge& task) {
  return elements_of(task) * sizeof(float);
}

MatrixOperations MatrixOperations::of(const TensorMerge& task) {
  const auto [width, length] = std::minmax(task.shape[0], task.shape[1]);
  return {static_cast<double>(length), static_cast<double>(width)};
}

DeltaMatrices::DeltaMatrices(const TensorMerge& task)
    : DeltaMatrices(task, task.shape[0] < task.shape[1]) {}

DeltaMatrices::DeltaMatrices(const TensorMerge& task, bool is_transposed)
    : task_(task),
      is_transposed_(is_transposed),
      length_(task.shape[is_transposed ? 1 : 0]),
      width_(task.shape[is_transposed ? 0 : 1]) {}

LongMatrix DeltaMatrices::of_model(std::size_t model) const {
  const auto read = [this, model](std::size_t first, MatrixView<double> out, ThreadPool& pool) {
    add(model, first, out, pool);
  };
  return {length_, width_, read, &memory()};
}

LongMatrix DeltaMatrices::sum() const {
  const auto read = [this](std::size_t first, MatrixView<double> out, ThreadPool& pool) {
    for (std::size_t i = 0; i < task_.models.size(); ++i) add(i, first, out, pool);
  };
  return {length_, width_, read, &memory()};
}

void DeltaMatrices::add(std::size_t model, std::size_t first, MatrixView<double> out,
                        ThreadPool& pool) const {
  const std::size_t end = is_transposed_ ? width_ : out.rows();
  pool.parallel_for(divide_up(end, kPiece), [&](std::size_t i) {
    add_piece(model, first, i * kPiece, std::min(end, (i + 1) * kPiece), out);
  });
}

// Rows [begin, end) of `out`, of transposed deltas columns.
void DeltaMatrices::add_piece(std::size_t model, std::size_t first, std::size_t begin,
                              std::size_t end, MatrixView<double> out) const {
  if (!is_transposed_) {
    DeltaReader reader(task_, model, width_);
    for (std::size_t row = begin; row < end; ++row) {
      add_row(reader.read((first + row) * width_, width_), out.row(row));
    }
    return;
  }
  const std::size_t size = out.rows();
  DeltaReader reader(task_, model, size);
  std::vector<float> rows(kTransposed * size);
  for (std::size_t row = begin; row < end; row += kTransposed) {
    const std::size_t count = std::min(kTransposed, end - row);
    for (std::size_t i = 0; i < count; ++i) {
      std::ranges::copy(reader.read((row + i) * length_ + first, size),
                        rows.begin() + static_cast<std::ptrdiff_t>(i * size));
    }
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = 0; i < count; ++i) out.row(j)[row + i] += double{rows[i * size + j]};
    }
  }
}

BlockMerge add_merged_rows(const TensorMerge& task, const DeltaMatrices& deltas, MergeRows merge,
                           ThreadPool& pool) {
  if (deltas.is_transposed()) return merge_columns(task, deltas, merge, pool);
  const std::size_t width = deltas.width();
  const double lambda = task.parameters.at("lambda");
  const auto merge_rows = [merge = std::move(merge), width, lambda](const InputBlock& inputs,
                                                                    std::span<float> out) {
    merge_block(merge, width, lambda, inputs, out);
  };
  return {.unit = rows_at_once(width) * width,
          .buffers = 0,
          .takes_bfloat16 = true,
          .merge = merge_rows};
}

}  // namespace vlm
