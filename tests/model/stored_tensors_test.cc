#include "model/stored_tensors.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/model/counted_checkpoint.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

CountedCheckpoint two_matrices_and_vectors(float offset) {
  return {{{"a", DType::kF32, {1, 2}},
           {"b", DType::kF32, {1, 2}},
           {"c", DType::kF32, {2}},
           {"d", DType::kF32, {2, 1, 3}}},
          offset};
}

TEST(StoredTensors, TensorsOfOneNameListStandBelowOneAnother) {
  ThreadPool pool(2);
  const CountedCheckpoint checkpoint = two_matrices_and_vectors(10.0F);
  StoredTensors tensors;
  const WeightMatrix* matrix =
      tensors.add_matrix(checkpoint, {{"a", {1, 2}}, {"b", {1, 2}}}, WeightFormat::kFloat32);
  const std::span<const float> vector = tensors.add_vector(checkpoint, {{"c", {2}}, {"c", {2}}});
  const MatrixView<const float> floats = tensors.add_floats(checkpoint, {{"d", {2, 1, 3}}});
  tensors.fill(checkpoint, pool);
  std::vector<float> row(2);
  matrix->read_row(0, row);
  EXPECT_THAT(row, ElementsAre(10, 10));
  matrix->read_row(1, row);
  EXPECT_THAT(row, ElementsAre(11, 11));
  EXPECT_THAT(vector, ElementsAre(12, 12, 12, 12));
  EXPECT_EQ(floats.rows(), 2U);
  EXPECT_THAT(floats.row(1), ElementsAre(13, 13, 13));
}

TEST(StoredTensors, TensorsOfAStackMayDifferInRows) {
  ThreadPool pool(1);
  const CountedCheckpoint checkpoint({{"q", DType::kF32, {3, 2}}, {"k", DType::kF32, {1, 2}}},
                                     4.0F);
  StoredTensors tensors;
  const WeightMatrix* matrix =
      tensors.add_matrix(checkpoint, {{"q", {3, 2}}, {"k", {1, 2}}}, WeightFormat::kFloat32);
  tensors.fill(checkpoint, pool);
  EXPECT_EQ(matrix->rows(), 4U);
  std::vector<float> row(2);
  matrix->read_row(2, row);
  EXPECT_THAT(row, ElementsAre(4, 4));
  matrix->read_row(3, row);
  EXPECT_THAT(row, ElementsAre(5, 5));
}

TEST(StoredTensors, AnotherCheckpointFillsTheSamePlaces) {
  ThreadPool pool(1);
  StoredTensors tensors;
  const std::span<const float> vector =
      tensors.add_vector(two_matrices_and_vectors(0.0F), {{"c", {2}}});
  tensors.fill(two_matrices_and_vectors(0.0F), pool);
  tensors.fill(two_matrices_and_vectors(5.0F), pool);
  EXPECT_THAT(vector, ElementsAre(7, 7));
}

// A stack and a vector with the values of a checkpoint of known origins.
class StoredOrigins : public testing::Test {
 protected:
  StoredOrigins() {
    first.set_origins({"a1", "b1", "c1", "d1"});
    tensors.add_matrix(first, {{"a", {1, 2}}, {"b", {1, 2}}}, WeightFormat::kFloat32);
    tensors.add_vector(first, {{"c", {2}}});
    tensors.fill(first, pool);
  }

  ThreadPool pool{1};
  CountedCheckpoint first = two_matrices_and_vectors(0.0F);
  CountedCheckpoint second = two_matrices_and_vectors(5.0F);
  StoredTensors tensors;
};

TEST_F(StoredOrigins, WhatHasTheOriginOfTheValuesThatAreThereIsNotReadAgain) {
  EXPECT_EQ(first.num_reads(), 3U);
  second.set_origins({"a1", "b2", "c1", "d1"});
  tensors.fill(second, pool);
  EXPECT_EQ(second.num_reads(), 2U) << "a stack is read as a whole";
  tensors.fill(second, pool);
  EXPECT_EQ(second.num_reads(), 2U);
  second.set_origins({"a1", "b2", "", "d1"});
  tensors.fill(second, pool);
  tensors.fill(second, pool);
  EXPECT_EQ(second.num_reads(), 4U) << "c is of unknown origin, twice";
}

TEST_F(StoredOrigins, AFailureLeavesNothingThatCountsAsRead) {
  second.set_origins({"a2", "b2", "c1", "d1"});
  second.set_unreadable("b");
  EXPECT_THROW(tensors.fill(second, pool), Error);
  tensors.fill(first, pool);
  EXPECT_EQ(first.num_reads(), 3U + 2U) << "a and b, but not c";
}

TEST(StoredTensors, CountsValuesAndWhatIsTakenToFillThem) {
  const CountedCheckpoint checkpoint(
      {{"w", DType::kBF16, {64, 32}}, {"v", DType::kBF16, {64, 32}}, {"n", DType::kF32, {5}}},
      0.0F);
  StoredTensors tensors;
  for (const char* name : {"w", "v"}) {
    tensors.add_matrix(checkpoint, {{name, {64, 32}}}, WeightFormat::kBfloat16);
  }
  tensors.add_vector(checkpoint, {{"n", {5}}});
  EXPECT_EQ(tensors.bytes().values, 2U * 64 * 32 * 2 + 5 * 4);
  EXPECT_EQ(tensors.bytes().loading, 2U * 64 * 32 * 4);  // float32 of both, at the same time
}

TEST(StoredTensors, RefusesACheckpointThatLacksATensor) {
  ThreadPool pool(1);
  StoredTensors tensors;
  tensors.add_vector(two_matrices_and_vectors(0.0F), {{"c", {2}}});
  const CountedCheckpoint other({{"x", DType::kF32, {2}}}, 0.0F);
  EXPECT_THROW(tensors.fill(other, pool), Error);
  EXPECT_THROW(tensors.add_vector(other, {{"c", {2}}}), Error);
}

}  // namespace
}  // namespace vlm
