#include "merge/adapter_deltas.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "core/thread_pool.h"
#include "merge/adapter_plan.h"
#include "merge/recipe_parser.h"
#include "tests/merge/file_models.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

// An embedding's product and a head that is saved whole.
AdapterPlan plan_with_saved_head() {
  ModelPool models = file_models();
  return plan_adapter_merge(
      parse_recipe("models: [{model: checkpoint/lora/embedding_and_head}]\n"
                   "parameters: {weight: 0.5}\nbase_model: merge/models/base\n"
                   "merge_method: task_arithmetic\n",
                   "r.yaml"),
      models);
}

TEST(AdapterDeltas, PartsAreThoseOfTheTensor) {
  constexpr std::size_t kSize = 37;
  const AdapterPlan plan = plan_with_saved_head();
  const Checkpoint& deltas = *plan.deltas.inputs.front().checkpoint;
  ThreadPool pool(1);
  for (const TensorInfo& info : deltas.tensors()) {
    const std::vector<float> whole = read_all(deltas, info);
    EXPECT_FALSE(std::ranges::all_of(whole, [](float value) { return value == 0; })) << info.name;
    const std::array tensors{&info};
    const auto reader = deltas.open_tensors(tensors, pool);
    ASSERT_EQ(reader->part_size(0), 1U);
    for (std::size_t first = 0; first < whole.size(); first += kSize) {
      std::vector<float> part(std::min(kSize, whole.size() - first));
      reader->read(0, first, part);
      EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(first, part.size())))
          << info.name << " from " << first;
    }
  }
}

TEST(AdapterDeltas, OfATensorThatIsSavedWholeAreTheDifferenceFromTheBase) {
  const AdapterPlan plan = plan_with_saved_head();
  const Checkpoint& deltas = *plan.deltas.inputs.front().checkpoint;
  const LoraAdapter& adapter = *plan.adapters.front();
  std::size_t num_saved = 0;
  for (const LoraUpdate& update : adapter.updates()) {
    const auto is_of_target = [&](const LoraUpdate& other) {
      return other.target == update.target;
    };
    const bool is_alone = std::ranges::count_if(adapter.updates(), is_of_target) == 1;
    if (update.kind != LoraUpdateKind::kReplacement || !is_alone) continue;
    ++num_saved;
    const std::vector<float> before = read_all(*plan.base, *plan.base->find(update.target));
    const std::vector<float> delta = read_all(deltas, *deltas.find(update.target));
    std::vector<float> after(before.size());
    read_floats(update.a, 0, after);
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_EQ(delta[i], after[i] - before[i]);
  }
  EXPECT_GT(num_saved, 0U);
}

}  // namespace
}  // namespace vlm
