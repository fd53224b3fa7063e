#include "merge/tensor_parts.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/writer.h"
#include "core/overflow_memory.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

// One tensor, whose elements are their own numbers.
std::unique_ptr<const Checkpoint> counted(const Shape& shape) {
  std::vector<float> values(*element_count(shape));
  std::iota(values.begin(), values.end(), 0.0F);
  auto made = std::make_unique<MemoryCheckpoint>(ModelConfig());
  made->add("text/a.weight", shape, std::move(values));
  return made;
}

TEST(TensorParts, FollowOneAnotherToTheEnd) {
  const auto checkpoint = counted({701, 1000});
  std::size_t next = 0;
  std::size_t parts = 0;
  for_each_part(*checkpoint, checkpoint->tensors().front(),
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
  const auto checkpoint = counted({0, 4});
  for_each_part(*checkpoint, checkpoint->tensors().front(),
                [](std::size_t, std::span<const float>) { ADD_FAILURE(); });
}

TEST(TensorParts, TogetherAreTheTensorAlsoInFiles) {
  const auto checkpoint = counted({701, 1000});
  const TemporaryDirectory folder;
  OverflowMemory memory(1'000'000, folder.path());
  ThreadPool pool(3);
  const auto whole = read_whole(*checkpoint, checkpoint->tensors().front(), memory, pool);
  std::vector<float> wanted(701'000);
  checkpoint->read(checkpoint->tensors().front(), wanted);
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
