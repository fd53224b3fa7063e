#include "merge/plan_cost.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "merge/merged_checkpoint.h"
#include "merge/method.h"
#include "merge/model_pool.h"
#include "merge/recipe_parser.h"
#include "tests/merge/made_up_models.h"
#include "tests/merge/method_recipes.h"

namespace vlm {
namespace {

const std::string kTies =
    "merge_method: ties\nbase_model: c\nmodels:\n- {model: a}\n- {model: b}\n"
    "parameters: {weight: 1, density: 0.5}\n";

MergePlan plan_of_size(std::size_t vocabulary, const std::string& recipe = kTies) {
  const MadeUpModel model{.value = 1, .layers = 1, .vocabulary = vocabulary};
  return plan_of(recipe, {{"a", model}, {"b", model}, {"c", model}});
}

TEST(PlanCost, GrowsWithTheTensorsAndFallsWithTheThreads) {
  const MergePlan small = plan_of_size(20'000);
  const MergePlan large = plan_of_size(2'000'000);
  const double speed = 1e-6;
  EXPECT_GT(estimate_cost(small, speed, 1).seconds, 0);
  EXPECT_GT(estimate_cost(large, speed, 1).seconds, 50 * estimate_cost(small, speed, 1).seconds);
  EXPECT_LT(estimate_cost(large, speed, 8).seconds, estimate_cost(large, speed, 1).seconds / 4);
}

TEST(PlanCost, MethodsOfBlocksTakeLessThanATensor) {
  const MergePlan plan = plan_of_size(2'000'000);
  const std::uint64_t tensor_bytes = 4 * *element_count(plan.tensors.front().output.shape);
  EXPECT_LT(estimate_cost(plan, 0, 2).peak_memory_bytes, (std::uint64_t{32} << 20U) + tensor_bytes);
}

TEST(PlanCost, CountsWhatAnInputTakesThatIsAMergeItself) {
  const MadeUpModel model{.value = 1, .layers = 1, .vocabulary = 2'000'000};
  const auto inner = [&](const std::string& method) {
    return std::make_shared<const MergedCheckpoint>(
        plan_of("merge_method: " + method + "\nbase_model: c\nmodels: [{model: a}, {model: b}]\n",
                {{"a", model}, {"b", model}, {"c", model}}));
  };
  const auto cost = [&](const std::shared_ptr<const Checkpoint>& input) {
    ModelPool models([&](const std::string& name) { return name == "in" ? input : make_up(model); },
                     ".");
    return estimate_cost(
        make_merge_plan(parse_recipe("merge_method: linear\nparameters: {weight: 1}\n"
                                     "models: [{model: in}, {model: other}]\n",
                                     "r.yaml"),
                        models),
        1e-9, 1);
  };
  const PlanCost plain = cost(make_up(model));
  const PlanCost of_merge = cost(inner("iso_c"));
  EXPECT_GT(of_merge.peak_memory_bytes,
            plain.peak_memory_bytes +
                estimate_cost(inner("iso_c")->plan(), 0, 1).peak_memory_bytes - kProgramBytes -
                (std::uint64_t{8} << 20U));
  EXPECT_GT(of_merge.seconds, plain.seconds);
}

TEST(PlanCost, WholeTensorsAreTheLargestOfEachThread) {
  const MergePlan plan = plan_of_size(20'000);
  const Shape shape = plan.tensors.front().output.shape;
  // Three inputs, the result, and what is stored of it, in float32.
  const std::uint64_t embeddings = 5 * 4 * *element_count(shape);
  EXPECT_EQ(whole_tensor_bytes(plan, 1), embeddings);
  EXPECT_EQ(whole_tensor_bytes(plan, 2), 2 * embeddings);  // the head has the same shape
  EXPECT_LT(whole_tensor_bytes(plan, 1000), 3 * embeddings);
}

TEST(PlanCost, KnowsEveryMethod) {
  for (const MergeMethod& method : merge_methods()) {
    const double speed = try_method(plan_of_size(1000, recipe_of(method, {"a", "b"}, "c")));
    EXPECT_EQ(speed > 0, method.name != "passthrough") << method.name;  // which copies
    EXPECT_EQ(method.work != nullptr, method.memory != nullptr) << method.name;
  }
}

// Eigenvectors take the cube of the shorter side, however long the other is; the rest grows with
// the length.
TEST(PlanCost, DecompositionsGrowWithTheShorterSide) {
  for (const char* const name : {"iso_c", "tsv_m"}) {
    const MergeMethod& method = find_merge_method(name, "test");
    const auto work = [&](Shape shape) {
      TensorMerge task;
      task.shape = std::move(shape);
      task.models.resize(3);
      return method.work(task);
    };
    EXPECT_EQ(work({64, 1000}).alone, work({64, 64}).alone) << name;
    EXPECT_EQ(work({1000, 64}).alone, work({64, 1000}).alone) << name;
    EXPECT_EQ(work({128, 128}).alone, 8 * work({64, 64}).alone) << name;
    EXPECT_GT(work({1000, 64}).shared, work({500, 64}).shared) << name;
    EXPECT_EQ(work({1000}).total(), 0) << name;
  }
}

}  // namespace
}  // namespace vlm
