#pragma once

// A checkpoint in memory whose weights can be permuted and transformed, for tests of the exact
// symmetries of a decoder.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/check.h"
#include "tensor/matrix.h"

namespace vlm {

using Permutation = std::vector<std::size_t>;

inline Permutation random_permutation(std::size_t size, std::mt19937& random) {
  Permutation order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

// Every index of `blocks` as the indices of its `size` entries.
inline Permutation expand(const Permutation& blocks, std::size_t size) {
  Permutation entries;
  for (const std::size_t block : blocks) {
    for (std::size_t i = 0; i < size; ++i) entries.push_back(block * size + i);
  }
  return entries;
}

// All tensors in float32. A vector is a matrix of one column.
class ScrambledCheckpoint final : public Checkpoint {
 public:
  explicit ScrambledCheckpoint(const Checkpoint& from)
      : config_(from.config()), directory_(from.directory()), tensors_(from.tensors()) {
    for (TensorInfo& info : tensors_) {
      const std::size_t rows = info.shape.front();
      Matrix<float> values(rows, element_count(info.shape).value_or(0) / rows);
      from.read(*from.find(info.name), values.values());
      values_.emplace(info.name, std::move(values));
      info.dtype = DType::kF32;
    }
  }

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    std::ranges::copy(values_.at(info.name).values(), out.begin());
  }

  // New row i is old row order[i].
  void permute_rows(const std::string& name, const Permutation& order) {
    Matrix<float>& values = values_.at(name);
    check(order.size() == values.rows(), "permute_rows: an order of all rows");
    Matrix<float> made(values.rows(), values.cols());
    for (std::size_t i = 0; i < order.size(); ++i) {
      std::ranges::copy(values.row(order[i]), made.row(i).begin());
    }
    values = std::move(made);
  }
  void permute_columns(const std::string& name, const Permutation& order) {
    Matrix<float>& values = values_.at(name);
    check(order.size() == values.cols(), "permute_columns: an order of all columns");
    Matrix<float> made(values.rows(), values.cols());
    for (std::size_t r = 0; r < values.rows(); ++r) {
      for (std::size_t i = 0; i < order.size(); ++i) made.row(r)[i] = values.row(r)[order[i]];
    }
    values = std::move(made);
  }
  // Rows [first, first + n) become `by` [n, n] times those rows.
  void transform_rows(const std::string& name, std::size_t first, const Matrix<double>& by) {
    Matrix<float>& values = values_.at(name);
    for (std::size_t c = 0; c < values.cols(); ++c) {
      std::vector<double> made(by.rows());
      for (std::size_t i = 0; i < by.rows(); ++i) {
        for (std::size_t j = 0; j < by.cols(); ++j) {
          made[i] += by.row(i)[j] * double{values.row(first + j)[c]};
        }
      }
      for (std::size_t i = 0; i < made.size(); ++i) {
        values.row(first + i)[c] = static_cast<float>(made[i]);
      }
    }
  }
  // Columns [first, first + n) become those columns times `by` [n, n].
  void transform_columns(const std::string& name, std::size_t first, const Matrix<double>& by) {
    Matrix<float>& values = values_.at(name);
    for (std::size_t r = 0; r < values.rows(); ++r) {
      const std::span<float> row = values.row(r);
      std::vector<double> made(by.cols());
      for (std::size_t i = 0; i < by.rows(); ++i) {
        for (std::size_t j = 0; j < by.cols(); ++j) {
          made[j] += double{row[first + i]} * by.row(i)[j];
        }
      }
      for (std::size_t j = 0; j < made.size(); ++j) row[first + j] = static_cast<float>(made[j]);
    }
  }

 private:
  ModelConfig config_;
  std::filesystem::path directory_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, Matrix<float>> values_;
};

}  // namespace vlm
