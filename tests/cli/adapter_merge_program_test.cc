// The program's command `merge` with recipes of adapters alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class AdapterMergeProgram : public ProgramTest {
 protected:
  static std::string adapter(const std::string& name) {
    return (std::filesystem::path(VLM_TEST_DATA) / "checkpoint/lora" / name).string();
  }
  void write_recipe(const std::string& rest) const {
    write("recipe.yaml", "models:\n- {model: " + adapter("attention") +
                             ", parameters: {weight: 0.5}}\n- {model: " + adapter("patterns") +
                             ", parameters: {weight: 0.5}}\n" + rest);
  }
};

TEST_F(AdapterMergeProgram, WritesAnAdapterThatCommandsTakeWithItsModel) {
  write_recipe("merge_method: linear\n");
  const ProgramResult result = run({"merge", "recipe.yaml", "merged", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.out, AllOf(HasSubstr("method      linear of adapters"),
                                HasSubstr("self_attn.q_proj      3        0.000000"),
                                HasSubstr("written      merged")));
  for (const char* const file :
       {"adapter_config.json", "adapter_model.safetensors", "recipe.yaml"}) {
    EXPECT_TRUE(std::filesystem::exists(folder() / "merged" / file)) << file;
  }
  const std::string base = (std::filesystem::path(VLM_TEST_DATA) / "merge/models/base").string();
  write("again.yaml", "merge_method: passthrough\nmodels: [{model: " + base + "+merged}]\n");
  EXPECT_EQ(run({"merge", "again.yaml", "model", "--quiet"}).exit_code, 0);
}

TEST_F(AdapterMergeProgram, ADryRunTellsFormAndSourcesOfEveryTensor) {
  write_recipe("merge_method: ties\nadapter_rank: 5\n");
  const ProgramResult result = run({"merge", "recipe.yaml", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("method      ties of adapters"), HasSubstr("(rank 4, 6 tensors)"),
                    HasSubstr("text/model.layers.0.self_attn.q_proj.weight"),
                    HasSubstr("cut to rank 5"), HasSubstr("weight=0.5"), HasSubstr("to write"),
                    HasSubstr("\nmemory      "), HasSubstr("\ntime        about 0.1 s")));
  EXPECT_THAT(result.out, testing::Not(HasSubstr("zeros")));
  EXPECT_FALSE(std::filesystem::exists(folder() / "merged"));
}

TEST_F(AdapterMergeProgram, RecordsItsOptions) {
  write_recipe("merge_method: dare_ties\nadapter_rank: 5\n");
  ASSERT_EQ(run({"merge", "recipe.yaml", "merged", "--seed", "3", "--quiet"}).exit_code, 0);
  EXPECT_THAT(read_text_file(folder() / "merged/recipe.yaml"),
              testing::StartsWith("# vlm-merge merge recipe.yaml OUT_DIR --seed 3\n"));
}

TEST_F(AdapterMergeProgram, SaysInOneLineWhatCannotBeDone) {
  write_recipe("merge_method: slerp\nparameters: {t: 0.5}\n");
  expect_failure({"merge", "recipe.yaml", "merged"}, "parameter");
  write_recipe("merge_method: linear\nchat_template: chatml\n");
  expect_failure({"merge", "recipe.yaml", "merged"}, "no 'chat_template'");
  write_recipe("merge_method: linear\n");
  expect_failure({"merge", "recipe.yaml", "merged", "--allow-nan"}, "--allow-nan");
  std::filesystem::create_directory(folder() / "merged");
  expect_failure({"merge", "recipe.yaml", "merged"}, "merged");
  expect_failure({"merge", "recipe.yaml", "merged", "--dry-run"}, "merged");
  expect_failure({"inspect", "recipe.yaml"},
                 "a recipe of adapters alone makes an adapter, no model: recipe.yaml");
}

}  // namespace
}  // namespace vlm
