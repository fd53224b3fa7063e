// The program's command `merge`: what it writes beside the weights.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class MergeCommand : public ProgramTest {};

// The number of shards is a matter of the result.
TEST_F(MergeCommand, AShardSizeIsRecordedUnlessItIsTheUsualOne) {
  write("recipe.yaml", "merge_method: passthrough\nmodels: [{model: " + model("ja-lm") + "}]\n");
  ASSERT_EQ(run({"merge", "recipe.yaml", "a", "--max-shard-size", "4MB", "--quiet"}).exit_code, 0);
  EXPECT_THAT(read_text_file(folder() / "a/recipe.yaml"),
              StartsWith("# vlm-merge merge recipe.yaml OUT_DIR --max-shard-size 4000000\n"));
  EXPECT_THAT(read_text_file(folder() / "a/README.md"), HasSubstr("--max-shard-size 4000000"));
  ASSERT_EQ(run({"merge", "recipe.yaml", "b", "--max-shard-size", "5GB", "--quiet"}).exit_code, 0);
  EXPECT_THAT(read_text_file(folder() / "b/recipe.yaml"), StartsWith("merge_method"));
}

}  // namespace
}  // namespace vlm
