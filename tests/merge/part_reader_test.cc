#include "merge/part_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

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

}  // namespace
}  // namespace vlm
