// wudi, tsv_m, iso_c: methods that decompose task vectors.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"
#include "tests/merge/singular_values.h"

namespace vlm {
namespace {

// Task vectors, the merged delta and its shape, of one case of a golden file.
struct Case {
  std::vector<Input> inputs;  // over a base of zeros
  Floats merged;
  Shape shape;
};

std::vector<Case> cases(const char* file, const char* method = nullptr) {
  std::vector<Case> all;
  const Json golden = read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/methods" / file);
  for (const Json& each : golden.at("cases")) {
    if (method != nullptr && each.at("method") != method) continue;
    Case made{{}, flatten(each.at("merged")), shape_of(each.at("merged"))};
    for (const Json& vector : each.at("task_vectors")) made.inputs.push_back({flatten(vector), {}});
    all.push_back(std::move(made));
  }
  return all;
}

// Inputs and results are rounded to float32 and below 8; the decomposition of the reference inputs
// has condition numbers below 100: 100 * 8 * 2^-24.
constexpr double kTolerance = 5e-5;

TEST(Wudi, EqualsTheReference) {
  const std::vector<Case> golden = cases("wudi.json");
  EXPECT_EQ(golden.size(), 4U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("wudi", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(TsvM, EqualsTheReference) {
  const std::vector<Case> golden = cases("spectral.json", "tsv_m");
  EXPECT_EQ(golden.size(), 3U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("tsv_m", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(IsoC, EqualsTheReference) {
  const std::vector<Case> golden = cases("spectral.json", "iso_c");
  EXPECT_EQ(golden.size(), 3U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("iso_c", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(MatrixMethods, OneModelIsThatModel) {
  for (const Shape& shape : {Shape{1, 1}, Shape{8, 8}, Shape{9, 11}, Shape{11, 9}}) {
    const Floats base = random_values(shape[0] * shape[1], "base");
    const Floats a = random_values(shape[0] * shape[1], "a");
    expect_near(run("wudi", base, {{a, {}}}, {}, shape), a, kTolerance);
    expect_near(run("tsv_m", base, {{a, {}}}, {}, shape), a, kTolerance);
  }
}

TEST(MatrixMethods, DeltasOfZeroGiveTheBase) {
  const Floats base = random_values(99, "base");
  for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
    EXPECT_EQ(run(method, base, {{base, {}}, {base, {}}}, {}, {9, 11}), base) << method;
  }
}

TEST(MatrixMethods, WhatIsNotFiniteIsNotHidden) {
  const Floats base = random_values(99, "base");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Floats a = random_values(99, "a");
    a[50] = bad;
    for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
      const Floats merged = run(method, base, {{a, {}}, {base, {}}}, {}, {9, 11});
      EXPECT_FALSE(std::isfinite(merged[50])) << method;
    }
  }
}

TEST(MatrixMethods, VectorsTakeTheMeanDelta) {
  for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
    expect_near(run(method, {1, 1}, {{{3, 1}, {}}, {{1, 5}, {}}}, {{"lambda", 1}}), {2, 3}, 1e-6);
  }
}

using Matrix = Eigen::MatrixXd;

Matrix as_matrix(const Floats& values, const Shape& shape) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(values.data(), static_cast<Eigen::Index>(shape[0]),
                                    static_cast<Eigen::Index>(shape[1]))
      .cast<double>();
}

Floats as_floats(const Matrix& matrix) {
  Floats values;
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    for (Eigen::Index col = 0; col < matrix.cols(); ++col) {
      values.push_back(static_cast<float>(matrix(row, col)));
    }
  }
  return values;
}

// U V^T of the directions that are there, and the mean of all singular values.
Matrix plain_polar(const Matrix& matrix, double* mean = nullptr) {
  const SingularValues svd = singular_values(matrix);
  if (mean != nullptr) *mean = svd.values.mean();
  const Eigen::Index rank = (svd.values.array() > 1e-10 * svd.values[0]).count();
  return product(svd.left.leftCols(rank), svd.right.leftCols(rank).transpose());
}

Matrix plain_iso_c(const std::vector<Matrix>& deltas) {
  Matrix sum = deltas.front();
  for (std::size_t i = 1; i < deltas.size(); ++i) sum += deltas[i];
  double mean = 0;
  const Matrix polar = plain_polar(sum, &mean);
  return 1.5 * mean * polar;
}

Matrix plain_tsv_m(const std::vector<Matrix>& deltas) {
  const Eigen::Index rows = deltas.front().rows();
  const Eigen::Index columns = deltas.front().cols();
  const auto models = static_cast<Eigen::Index>(deltas.size());
  const Eigen::Index count = std::max<Eigen::Index>(1, std::min(rows, columns) / models);
  Matrix left(rows, count * models);
  Matrix right(columns, count * models);
  Eigen::VectorXd values(count * models);
  for (Eigen::Index i = 0; i < models; ++i) {
    const SingularValues svd = singular_values(deltas[static_cast<std::size_t>(i)]);
    left.middleCols(i * count, count) = svd.left.leftCols(count);
    right.middleCols(i * count, count) = svd.right.leftCols(count);
    values.segment(i * count, count) = svd.values.head(count);
  }
  return product(plain_polar(left) * values.asDiagonal(), plain_polar(right).transpose());
}

Matrix pseudo_inverse(const Matrix& matrix) {
  const SingularValues svd = singular_values(matrix);
  const Eigen::Index rank = (svd.values.array() > 1e-9 * svd.values[0]).count();
  return product(svd.right.leftCols(rank) * svd.values.head(rank).cwiseInverse().asDiagonal(),
                 svd.left.leftCols(rank).transpose());
}

// tau_0 + (R - tau_0 S^T) (S^T)^+: S has the unit deltas below each other.
Matrix plain_wudi(const std::vector<Matrix>& deltas) {
  const Eigen::Index rows = deltas.front().rows();
  const Eigen::Index stacked = rows * static_cast<Eigen::Index>(deltas.size());
  Matrix start = Matrix::Zero(rows, deltas.front().cols());
  Matrix stack(stacked, deltas.front().cols());
  Matrix responses(rows, stacked);
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i) * rows;
    start += deltas[i];
    stack.middleRows(at, rows) = deltas[i] / deltas[i].norm();
    responses.middleCols(at, rows) = product(deltas[i], stack.middleRows(at, rows).transpose());
  }
  const Matrix rest = responses - product(start, stack.transpose());
  return start + product(rest, pseudo_inverse(stack.transpose()));
}

struct Twin {
  const char* method;
  Matrix (*plain)(const std::vector<Matrix>& deltas);
};

void expect_twin(const Twin& twin, const std::vector<Floats>& deltas, const Shape& shape) {
  SCOPED_TRACE(std::string(twin.method) + " " + to_string(shape));
  std::vector<Input> inputs;
  std::vector<Matrix> matrices;
  for (const Floats& delta : deltas) {
    inputs.push_back({delta, {}});
    matrices.push_back(as_matrix(delta, shape));
  }
  const Floats zeros(deltas.front().size(), 0);
  expect_near(run(twin.method, zeros, inputs, {}, shape), as_floats(twin.plain(matrices)),
              kTolerance);
}

constexpr Twin kTwins[] = {{"iso_c", plain_iso_c}, {"tsv_m", plain_tsv_m}, {"wudi", plain_wudi}};

TEST(MatrixMethods, EqualTheDecompositionOfTheWholeMatrices) {
  for (const Twin& twin : kTwins) {
    // Taller, wider, much wider, and of more than one tile and panel.
    for (const Shape& shape :
         {Shape{40, 9}, Shape{9, 40}, Shape{4, 90}, Shape{700, 530}, Shape{280, 900}}) {
      const std::size_t size = shape[0] * shape[1];
      expect_twin(twin, {random_values(size, "a"), random_values(size, "b")}, shape);
    }
  }
}

TEST(MatrixMethods, DirectionsThatAreNotThereAddNothing) {
  for (const Shape& shape : {Shape{30, 12}, Shape{12, 30}}) {
    Floats zero_rows = random_values(360, "a");
    std::fill(zero_rows.begin(), zero_rows.begin() + 180, 0.0F);
    expect_twin(kTwins[0], {zero_rows}, shape);
    expect_twin(kTwins[2], {zero_rows, random_values(360, "b")}, shape);
    expect_twin(kTwins[2], {zero_rows, zero_rows}, shape);
  }
}

// Singular values from 1 to 1e-7: their squares are lost beside that of the largest.
TEST(IsoC, KeepsDirectionsFarBelowTheLargest) {
  for (const Shape& shape : {Shape{60, 40}, Shape{40, 60}}) {
    const Matrix start = as_matrix(random_values(2400, "graded"), shape);
    const SingularValues svd = singular_values(start);
    Eigen::VectorXd values(40);
    for (Eigen::Index i = 0; i < 40; ++i) {
      values[i] = 100 * std::pow(10.0, -7.0 * static_cast<double>(i) / 39);
    }
    const Matrix graded = svd.left * values.asDiagonal() * svd.right.transpose();
    expect_twin(kTwins[0], {as_floats(graded)}, shape);
  }
}

TEST(IsoC, OfLowRankKeepsTheRank) {
  Floats delta(100);
  for (std::size_t i = 0; i < 100; ++i) delta[i] = static_cast<float>((i / 10 + 1) * (i % 10 + 1));
  expect_twin(kTwins[0], {delta}, {10, 10});
}

// A rotation times 2 has all singular values at 2 already.
TEST(IsoC, KeepsAnEvenSpectrum) {
  const Floats turn{0, 2, -2, 0};
  expect_near(run("iso_c", {0, 0, 0, 0}, {{turn, {}}}, {{"lambda", 1}}, {2, 2}), turn, 1e-6);
}

}  // namespace
}  // namespace vlm
