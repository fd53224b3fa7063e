// The search files with the paper's settings, against made-up headers of the real checkpoints: the
// files hold no weights, only holes on the disk.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evolve/cma_es.h"
#include "search/model_source.h"
#include "search/search_config.h"
#include "search/search_plan.h"
#include "tests/checkpoint/sparse_model.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Where the hub cache keeps the files of a model's main branch.
std::string snapshot_in(const TemporaryDirectory& cache, const std::string& organisation,
                        const std::string& model) {
  const std::string root = "models--" + organisation + "--" + model;
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  cache.add(root + "/refs/main", commit);
  return root + "/snapshots/" + commit;
}

class PaperExamples : public testing::Test {
 protected:
  void SetUp() override {
    SparseModel mistral;
    add_mistral_7b(mistral, "", 32000);
    const Json config = mistral_7b_config(32000, 1e4);
    mistral.write(cache_, snapshot_in(cache_, "mistralai", "Mistral-7B-v0.1"), config);
    mistral.write(cache_, snapshot_in(cache_, "augmxnt", "shisa-gamma-7b-v1"), config);
    mistral.write(cache_, snapshot_in(cache_, "GAIR", "Abel-7B-002"), config);
    mistral.write(cache_, snapshot_in(cache_, "WizardLM", "WizardMath-7B-V1.1"), config);
    SparseModel llava;
    add_mistral_7b(llava, "language_model.", 32064);
    add_clip_large(llava);
    llava.write(cache_, snapshot_in(cache_, "llava-hf", "llava-v1.6-mistral-7b-hf"),
                llava_next_config());
    ASSERT_EQ(::setenv("HF_HUB_CACHE", cache_.path().c_str(), 1), 0);
  }
  void TearDown() override { ::unsetenv("HF_HUB_CACHE"); }

  static SearchPlan plan(const std::string& example) {
    const SearchConfig config =
        read_search_config(std::filesystem::path(VLM_PROJECT_DIR) / "examples" / example);
    ModelPool models = make_model_pool(config.folder);
    return plan_search(config, models);
  }

  TemporaryDirectory cache_;
};

TEST_F(PaperExamples, EvoVlmHasFourGenesAndMergesTheLanguageTowerOnly) {
  const SearchPlan search = plan("evovlm-jp-7b.yaml");
  EXPECT_EQ(search.space.size(), 4U);
  EXPECT_EQ(default_cma_population(search.space.size()), 8U);
  EXPECT_EQ(search.first_merge.method->name, "dare_ties");
  std::size_t merged = 0;
  for (const TensorPlan& tensor : search.first_merge.tensors) {
    merged += tensor.is_copy ? 0U : 1U;
    EXPECT_EQ(tensor.is_copy, !tensor.output.name.starts_with("text/")) << tensor.output.name;
  }
  EXPECT_EQ(merged, 32U * 9 + 3);
}

TEST_F(PaperExamples, EvoVlmWarnsThatTheParentsRotateDifferently) {
  EXPECT_THAT(plan("evovlm-jp-7b.yaml").first_merge.warnings,
              testing::Contains(HasSubstr("rope_theta")));
}

TEST_F(PaperExamples, EvoLlmHasSixGenesInThePapersOrder) {
  const SearchPlan search = plan("evollm-jp-7b.yaml");
  ASSERT_EQ(search.space.size(), 6U);
  EXPECT_EQ(default_cma_population(search.space.size()), 9U);
  EXPECT_EQ(search.space.dimensions[0].name, "ja.weight");
  EXPECT_DOUBLE_EQ(search.space.dimensions[0].initial, 0.5);
  EXPECT_EQ(search.first_merge.tensors.size(), 32U * 9 + 3);
}

}  // namespace
}  // namespace vlm
