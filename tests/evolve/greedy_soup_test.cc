#include "evolve/greedy_soup.h"

#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::ElementsAre;

using Point = std::vector<double>;
using Fitness = std::vector<std::optional<double>>;

SearchSpace weights(std::size_t models) {
  SearchSpace space;
  for (std::size_t i = 0; i < models; ++i) {
    space.dimensions.push_back({"w" + std::to_string(i), 0, 1, 0.5});
  }
  return space;
}

TEST(GreedySoup, TriesModelsAloneAndThenByFallingFitnessKeepingThoseThatHelp) {
  GreedySoup soup(weights(3));
  EXPECT_THAT(soup.ask(), ElementsAre(Point{1, 0, 0}, Point{0, 1, 0}, Point{0, 0, 1}));
  soup.tell(Fitness{0.5, 0.2, 0.7});
  EXPECT_THAT(soup.ask(), ElementsAre(Point{1, 0, 1}));
  soup.tell(Fitness{0.7});  // no better: it stays out
  EXPECT_THAT(soup.ask(), ElementsAre(Point{0, 1, 1}));
  EXPECT_FALSE(soup.stop().has_value());
  soup.tell(Fitness{0.8});
  EXPECT_THAT(soup.ask(), ElementsAre(Point{0, 1, 1}));
  ASSERT_TRUE(soup.stop().has_value());
  EXPECT_EQ(soup.stop()->name, "all_models_tried");
  EXPECT_EQ(soup.stop()->value, 2);
  EXPECT_EQ(soup.generation(), 3U);
}

// The soup's fitness is the best of all that it was compared with, whatever the landscape.
TEST(GreedySoup, IsNeverWorseThanTheBestModelAlone) {
  const Point value{0.3, 0.9, 0.1, 0.6, 0.8};
  const auto fitness_of = [&](const Point& point) {
    double sum = 0;
    double count = 0;
    for (std::size_t i = 0; i < point.size(); ++i) {
      sum += point[i] * value[i] * (i % 2 == 0 ? 1.2 : 1);
      count += point[i];
    }
    return sum / count + 0.05 * count;
  };
  GreedySoup soup(weights(5));
  std::size_t evaluations = 0;
  while (!soup.stop()) {
    Fitness fitness;
    for (const Point& point : soup.ask()) fitness.emplace_back(fitness_of(point));
    evaluations += fitness.size();
    soup.tell(fitness);
  }
  EXPECT_EQ(evaluations, 9U);
  EXPECT_GE(fitness_of(soup.ask().front()), 0.96 + 0.05);
}

TEST(GreedySoup, CandidatesThatFailedStayOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  GreedySoup soup(weights(3));
  soup.tell(Fitness{std::nullopt, 0.1, nan});
  EXPECT_THAT(soup.ask(), ElementsAre(Point{1, 1, 0}));
  soup.tell(Fitness{std::nullopt});
  soup.tell(Fitness{nan});
  EXPECT_THAT(soup.ask(), ElementsAre(Point{0, 1, 0}));
  EXPECT_THROW(soup.tell(Fitness{0.1, 0.2}), Error);
}

TEST(GreedySoup, GoesOnFromASavedStateAsIfItHadNotStopped) {
  GreedySoup soup(weights(3));
  for (const Fitness& fitness : {Fitness{0.5, 0.2, 0.7}, Fitness{0.9}, Fitness{0.1}}) {
    GreedySoup restored(weights(3));
    restored.restore(Json::parse(soup.save().dump()));
    EXPECT_EQ(restored.ask(), soup.ask());
    EXPECT_EQ(restored.generation(), soup.generation());
    restored.tell(fitness);
    soup.tell(fitness);
    EXPECT_EQ(restored.save(), soup.save());
  }
}

TEST(GreedySoup, DamagedAndForeignStatesAreRefused) {
  GreedySoup soup(weights(3));
  soup.tell(Fitness{0.5, 0.2, 0.7});
  const Json state = soup.save();
  const auto code_of = [&](const Json& damaged) {
    try {
      GreedySoup(weights(3)).restore(damaged);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kExists;  // none
  };
  EXPECT_THROW(GreedySoup(weights(4)).restore(state), Error);
  EXPECT_EQ(code_of({{"optimizer", "cma-es"}}), ErrorCode::kInvalidArgument);
  for (const Json& change :
       {Json{{"order", {0, 1}}}, Json{{"order", {0, 1, 1}}}, Json{{"soup", {7}}},
        Json{{"soup", Json::array()}}, Json{{"fitness", "x"}}, Json{{"generation", -1}}}) {
    Json damaged = state;
    damaged.update(change);
    EXPECT_EQ(code_of(damaged), ErrorCode::kCorruptFile) << change;
  }
}

}  // namespace
}  // namespace vlm
