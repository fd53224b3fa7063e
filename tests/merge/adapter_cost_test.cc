#include "merge/adapter_cost.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "core/thread_pool.h"
#include "merge/adapter_merge.h"
#include "merge/recipe_parser.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

AdapterPlan plan_of(const std::string& method_and_more) {
  ModelPool models([](const std::string& model) { return FileCheckpoint::open(model); },
                   VLM_TEST_DATA);
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

TEST(AdapterCost, CutDeltasTakeMoreMemoryAndTimeThanJoinedProducts) {
  const std::string base_alone = "merge_method: linear\n";
  const PlanCost joined = estimate_adapter_cost(plan_of(base_alone), 1);
  const PlanCost cut = estimate_adapter_cost(plan_of(base_alone + "adapter_rank: 2\n"), 1);
  EXPECT_GT(cut.seconds, joined.seconds);
  EXPECT_GE(cut.peak_memory_bytes, joined.peak_memory_bytes);
  EXPECT_GT(joined.peak_memory_bytes, 0U);
}

TEST(AdapterCost, EveryThreadHasATensorOfItsOwn) {
  const AdapterPlan plan = plan_of("merge_method: ties\nadapter_rank: 5\n");
  EXPECT_GT(estimate_adapter_cost(plan, 4).peak_memory_bytes,
            estimate_adapter_cost(plan, 1).peak_memory_bytes);
}

}  // namespace
}  // namespace vlm
