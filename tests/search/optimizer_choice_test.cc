#include "search/optimizer_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

const SearchSpace kThreeGenes{{{"a", 0, 1, 0.5}, {"b", 0, 1, 0.5}, {"c", 0, 1, 0.5}}};

OptimizerSettings settings(const char* name, std::size_t trials) {
  return {.name = name, .population = 0, .sigma = 0.25, .trials = trials, .seed = 1};
}

TEST(MakeOptimizer, AGreedySoupOfNModelsNeedsTwoNMinusOneTrials) {
  EXPECT_EQ(make_optimizer(settings("greedy-soup", 5), kThreeGenes)->ask().size(), 3U);
  EXPECT_EQ(error_message([] { make_optimizer(settings("greedy-soup", 4), kThreeGenes); }),
            "trials: a greedy soup of 3 models takes 5: 4");
  EXPECT_EQ(make_optimizer(settings("cma-es", 1), kThreeGenes)->ask().size(), 7U);
}

TEST(Describe, NamesTheSettingsThatTheOptimizerHeeds) {
  EXPECT_EQ(describe(settings("cma-es", 1)), "cma-es population auto sigma 0.250000");
  EXPECT_EQ(describe(settings("greedy-soup", 9)), "greedy-soup");
}

}  // namespace
}  // namespace vlm
