#include "merge/tensor_parts.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/writer.h"
#include "core/overflow_memory.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

// One tensor, whose elements are their own numbers.
class CountedCheckpoint final : public Checkpoint {
 public:
  explicit CountedCheckpoint(Shape shape)
      : tensors_{{"text/a.weight", DType::kF32, std::move(shape)}} {}

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    read_part(info, 0, out);
  }
  void read_part(const TensorInfo& /*info*/, std::size_t first,
                 std::span<float> out) const override {
    std::iota(out.begin(), out.end(), static_cast<float>(first));
  }
  [[nodiscard]] bool reads_parts() const override { return true; }

 private:
  ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::filesystem::path directory_;
};

TEST(TensorParts, FollowOneAnotherToTheEnd) {
  const CountedCheckpoint checkpoint({701, 1000});
  std::size_t next = 0;
  std::size_t parts = 0;
  for_each_part(checkpoint, checkpoint.tensors().front(),
                [&](std::size_t first, std::span<const float> values) {
                  EXPECT_EQ(first, next);
                  EXPECT_FLOAT_EQ(values.front(), static_cast<float>(next));
                  next += values.size();
                  ++parts;
                });
  EXPECT_EQ(next, 701'000U);
  EXPECT_GT(parts, 1U);
}

TEST(TensorParts, OfATensorWithoutElementsAreNone) {
  const CountedCheckpoint checkpoint({0, 4});
  for_each_part(checkpoint, checkpoint.tensors().front(),
                [](std::size_t, std::span<const float>) { ADD_FAILURE(); });
}

TEST(TensorParts, TogetherAreTheTensorAlsoInFiles) {
  const CountedCheckpoint checkpoint({701, 1000});
  const TemporaryDirectory folder;
  OverflowMemory memory(1'000'000, folder.path());
  ThreadPool pool(3);
  const auto whole = read_whole(checkpoint, checkpoint.tensors().front(), memory, pool);
  std::vector<float> wanted(701'000);
  checkpoint.read(checkpoint.tensors().front(), wanted);
  EXPECT_TRUE(std::ranges::equal(whole, wanted));
  EXPECT_GT(memory.most_file_bytes(), 1'700'000U);
}

TEST(TensorParts, SoManyAreHeldTogetherAsFit) {
  const std::vector<std::uint64_t> bytes{kMaxWorkingBytes / 2, kMaxWorkingBytes / 2, 1, 0};
  const auto held = [&](std::size_t first, std::size_t most) {
    return count_held_together(most, [&](std::size_t i) { return bytes[first + i]; });
  };
  EXPECT_EQ(held(0, 4), 2U);
  EXPECT_EQ(held(0, 1), 1U);
  EXPECT_EQ(held(1, 3), 3U);
  EXPECT_EQ(count_held_together(2, [](std::size_t) { return 2 * kMaxWorkingBytes; }), 1U);
}

}  // namespace
}  // namespace vlm
