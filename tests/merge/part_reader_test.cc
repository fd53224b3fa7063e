#include "merge/part_reader.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

// Element i of the one tensor [rows, kWidth] is i; it is read by rows.
class RowCheckpoint final : public Checkpoint {
 public:
  static constexpr std::size_t kWidth = 5;

  explicit RowCheckpoint(std::size_t rows) : tensors_{{"text/a", DType::kF32, {rows, kWidth}}} {}

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& /*info*/, std::span<float> out) const override {
    Reader(*this).read(0, 0, out);
  }
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> /*tensors*/, ThreadPool& /*pool*/) const override {
    return std::make_unique<Reader>(*this);
  }
  [[nodiscard]] std::size_t rows_read() const { return rows_read_; }
  [[nodiscard]] std::size_t most_at_once() const { return most_at_once_; }

 private:
  class Reader final : public TensorReader {
   public:
    explicit Reader(const RowCheckpoint& checkpoint) : checkpoint_(checkpoint) {}
    [[nodiscard]] std::size_t part_size(std::size_t /*index*/) const override { return kWidth; }
    void read(std::size_t /*index*/, std::size_t first, std::span<float> out) const override {
      EXPECT_EQ(first % kWidth, 0U);
      EXPECT_EQ(out.size() % kWidth, 0U);
      std::iota(out.begin(), out.end(), static_cast<float>(first));
      const std::lock_guard lock(checkpoint_.mutex_);
      checkpoint_.rows_read_ += out.size() / kWidth;
      checkpoint_.most_at_once_ = std::max(checkpoint_.most_at_once_, out.size() / kWidth);
    }

   private:
    const RowCheckpoint& checkpoint_;
  };

  ModelConfig config_;
  std::filesystem::path directory_;
  std::vector<TensorInfo> tensors_;
  mutable std::mutex mutex_;
  mutable std::size_t rows_read_ = 0;
  mutable std::size_t most_at_once_ = 0;
};

TEST(PartReader, ReadsAWholeTensorOnceForAllItsParts) {
  MadeUpCheckpoint checkpoint({{"text/a", DType::kF32, {3, 5}}}, "nowhere");
  std::size_t reads = 0;
  checkpoint.on_read = [&](std::size_t) { ++reads; };
  ThreadPool pool(1);
  const PartReader reader(checkpoint, checkpoint.tensors().front(), pool);
  for (std::size_t first = 0; first < 15; first += 4) {
    std::vector<float> part(std::min<std::size_t>(4, 15 - first));
    reader.read(first, part);
    for (std::size_t i = 0; i < part.size(); ++i) {
      EXPECT_EQ(part[i], MadeUpCheckpoint::value(0, first + i));
    }
  }
  EXPECT_EQ(reads, 1U);
}

TEST(PartReader, ReadsOfRowsNoMoreThanAPartTouches) {
  const RowCheckpoint checkpoint(100);
  ThreadPool pool(3);
  const PartReader reader(checkpoint, checkpoint.tensors().front(), pool);
  constexpr std::size_t kPart = 4;  // not a row's
  const std::size_t parts = 100 * RowCheckpoint::kWidth / kPart;
  pool.parallel_for(parts, [&](std::size_t part) {
    std::vector<float> values(kPart);
    reader.read(part * kPart, values);
    for (std::size_t i = 0; i < kPart; ++i) {
      EXPECT_EQ(values[i], static_cast<float>(part * kPart + i));
    }
  });
  EXPECT_LE(checkpoint.most_at_once(), 2U);
}

TEST(PartReader, OneThreadReadsARowAtMostTwice) {
  const RowCheckpoint checkpoint(100);
  ThreadPool pool(1);
  const PartReader reader(checkpoint, checkpoint.tensors().front(), pool);
  std::vector<float> value(1);
  for (std::size_t i = 0; i < 100 * RowCheckpoint::kWidth; ++i) reader.read(i, value);
  EXPECT_EQ(checkpoint.rows_read(), 100U) << "each held until the next one is needed";
  std::vector<float> pair(2);
  for (std::size_t i = 0; i < 100 * RowCheckpoint::kWidth; i += 2) reader.read(i, pair);
  EXPECT_LE(checkpoint.rows_read(), 100U + 200U);
}

}  // namespace
}  // namespace vlm
