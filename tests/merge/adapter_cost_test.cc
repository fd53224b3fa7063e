#include "merge/adapter_cost.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/writer.h"
#include "core/thread_pool.h"
#include "merge/adapter_merge.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/file_models.h"
#include "tests/merge/written_adapter.h"

namespace vlm {
namespace {

AdapterPlan plan_of(const std::string& method_and_more) {
  ModelPool models = file_models();
  return plan_adapter_merge(
      parse_recipe("models: [{model: checkpoint/lora/embedding_and_head},\n"
                   "         {model: checkpoint/lora/attention}]\n"
                   "parameters: {weight: 0.5}\nbase_model: merge/models/base\n" +
                       method_and_more,
                   "r.yaml"),
      models);
}

// The embedding's product, biases, and a head that is saved whole.
TEST(AdapterCost, TellsTheBytesThatAreWritten) {
  for (const char* const method : {"merge_method: task_arithmetic\n",
                                   "merge_method: ties\nadapter_rank: 5\nout_dtype: bfloat16\n"}) {
    const TemporaryDirectory folder;
    ThreadPool pool(1);
    const AdapterPlan plan = plan_of(method);
    merge_adapters(plan, folder.path() / "merged", {}, pool);
    const SafetensorsFile written(folder.path() / "merged" / kAdapterWeights);
    EXPECT_EQ(written.entries().back().end_bytes, bytes_to_write(plan)) << method;
  }
}

TEST(AdapterCost, ReadsAllAdaptersAndOfTheBaseWhatIsSavedWhole) {
  const TemporaryDirectory folder;
  ThreadPool pool(1);
  const AdapterPlan plan = plan_of("merge_method: task_arithmetic\n");
  const AdapterReport report = merge_adapters(plan, folder.path() / "merged", {}, pool);
  ASSERT_GE(report.saved_whole.size(), 2U);
  std::uint64_t bytes = 0;
  for (const auto& adapter : plan.adapters) bytes += adapter->weight_file().size_bytes;
  for (const std::string& whole : report.saved_whole) {
    const TensorInfo* const info = plan.base->find(whole + ".weight");
    bytes += *element_count(info->shape) * element_size_bytes(info->dtype);
  }
  EXPECT_EQ(bytes_to_read(plan), bytes);
}

// Of the feed-forward network and the embedding of a model; by default of 70 billion parameters.
class MadeUpAdapters {
 public:
  static constexpr std::uint64_t kMatrixBytes = std::uint64_t{28'672} * 8192 * sizeof(float);
  static constexpr std::uint64_t kEmbeddingBytes = std::uint64_t{128'256} * 8192 * sizeof(float);

  explicit MadeUpAdapters(std::size_t divisor = 1)
      : width_(8192 / divisor), inner_width_(28'672 / divisor), vocabulary_(128'256 / divisor) {
    for (const char* const name : {"one", "other"}) write(name);
  }
  [[nodiscard]] AdapterPlan plan(const std::string& method_and_more) const {
    ModelPool models = file_models(folder_.path());
    return plan_adapter_merge(
        parse_recipe(
            "models: [{model: one}, {model: other}]\nparameters: {weight: 0.5}\n" + method_and_more,
            "r.yaml"),
        models);
  }

 private:
  void write(const std::string& name) const {
    AdapterOutline outline(Layout(LayoutKind::kPlainText), DType::kBF16);
    const std::string layer = "text/model.layers.0.mlp.";
    outline.add_product(layer + "up_proj.weight", {{4, width_}, {inner_width_, 4}, false});
    outline.add_product(layer + "down_proj.weight", {{4, inner_width_}, {width_, 4}, false});
    outline.add_product("text/model.embed_tokens.weight", {{4, vocabulary_}, {width_, 4}, true});
    write_adapter(folder_.path() / name, outline, 4, [](const Shape& shape) {
      return std::vector<float>(*element_count(shape), 0.1F);
    });
  }

  std::size_t width_;
  std::size_t inner_width_;
  std::size_t vocabulary_;
  TemporaryDirectory folder_;
};

TEST(AdapterCost, CutDeltasTakeMoreMemoryAndTimeThanJoinedProducts) {
  const MadeUpAdapters adapters;
  const PlanCost joined = estimate_adapter_cost(adapters.plan("merge_method: linear\n"), 1);
  const PlanCost cut =
      estimate_adapter_cost(adapters.plan("merge_method: linear\nadapter_rank: 4\n"), 1);
  EXPECT_GT(cut.seconds, joined.seconds);
  EXPECT_GT(cut.peak_memory_bytes, joined.peak_memory_bytes + MadeUpAdapters::kMatrixBytes);
  EXPECT_LT(joined.peak_memory_bytes, 100'000'000U);
}

TEST(AdapterCost, DeltasOfAnySizeTakeLessThanTwoGigabytesAndTheRestOnTheDisk) {
  const AdapterPlan plan = MadeUpAdapters().plan("merge_method: ties\nadapter_rank: 4\n");
  const PlanCost cost = estimate_adapter_cost(plan, 8);
  EXPECT_LT(cost.peak_memory_bytes, 2'000'000'000U);
  EXPECT_GT(cost.peak_memory_bytes, kMaxWorkingBytes);
  EXPECT_EQ(cost.overflow_bytes, MadeUpAdapters::kEmbeddingBytes - kMaxWorkingBytes);
}

TEST(AdapterCost, EveryThreadHasATensorOfItsOwn) {
  const AdapterPlan plan = MadeUpAdapters(8).plan("merge_method: ties\nadapter_rank: 4\n");
  const PlanCost one = estimate_adapter_cost(plan, 1);
  const PlanCost three = estimate_adapter_cost(plan, 3);
  EXPECT_GT(three.peak_memory_bytes, one.peak_memory_bytes + 2 * MadeUpAdapters::kMatrixBytes / 64);
}

}  // namespace
}  // namespace vlm
