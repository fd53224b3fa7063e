#include "evolve/cma_es.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/philox.h"

namespace vlm {
namespace {

using Point = std::vector<double>;
using Cost = std::function<double(const Point&)>;

double sphere(const Point& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return sum;
}

double ellipsoid(const Point& x) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double power = static_cast<double>(i) / (static_cast<double>(x.size()) - 1.0);
    sum += std::pow(1e6, power) * x[i] * x[i];
  }
  return sum;
}

double rosenbrock(const Point& x) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double valley = x[i + 1] - x[i] * x[i];
    sum += 100.0 * valley * valley + (1.0 - x[i]) * (1.0 - x[i]);
  }
  return sum;
}

SearchSpace cube(std::size_t dimensions, double low, double high, double initial) {
  SearchSpace space;
  for (std::size_t i = 0; i < dimensions; ++i) {
    space.dimensions.push_back({"x" + std::to_string(i), low, high, initial});
  }
  return space;
}

std::vector<std::optional<double>> fitness_of(const std::vector<Point>& points, const Cost& cost) {
  std::vector<std::optional<double>> fitness;
  for (const Point& point : points) fitness.emplace_back(-cost(point));
  return fitness;
}

// Evaluations until the first cost below `target`; nothing if there are more than `budget`.
std::optional<std::size_t> evaluations_to(double target, std::size_t budget, CmaEs& optimizer,
                                          const Cost& cost) {
  std::size_t evaluations = 0;
  while (evaluations < budget) {
    const std::vector<Point> points = optimizer.ask();
    for (const Point& point : points) {
      ++evaluations;
      if (cost(point) < target) return evaluations;
    }
    optimizer.tell(fitness_of(points, cost));
  }
  return std::nullopt;
}

struct SpeedCase {
  const char* function;
  std::size_t dimensions;
  Cost cost;
};

class CmaEsSpeed : public ::testing::TestWithParam<SpeedCase> {};

// tests/data/evolve/evaluations_to_target.json: 20 runs of cmaes 0.13.1, start uniform in [-3, 3],
// sigma 2; our box is so wide that it is never met. Its note asks for 0.7 to 1.4 of the medians.
TEST_P(CmaEsSpeed, NeedsAsManyEvaluationsAsTheReference) {
  const SpeedCase& speed = GetParam();
  const Json file = read_json_file(std::filesystem::path(VLM_TEST_DATA) / "evolve" /
                                   "evaluations_to_target.json");
  const auto found = std::find_if(file["cases"].begin(), file["cases"].end(), [&](const Json& c) {
    return c["function"] == speed.function && c["dimension"] == speed.dimensions;
  });
  ASSERT_NE(found, file["cases"].end());
  const Json& expected = *found;
  constexpr double kHalfWidth = 1e4;
  constexpr int kRuns = 20;
  std::vector<double> counts;
  for (int run = 0; run < kRuns; ++run) {
    RandomStream start(philox_key(7, "start"), static_cast<std::uint64_t>(run));
    SearchSpace space = cube(speed.dimensions, -kHalfWidth, kHalfWidth, 0.0);
    for (Dimension& dimension : space.dimensions) dimension.initial = 6.0 * start.uniform() - 3.0;
    CmaEs optimizer(space, {.population = expected["population"].get<std::size_t>(),
                            .sigma = 2.0 / (2.0 * kHalfWidth),
                            .seed = static_cast<std::uint64_t>(run),
                            .evaluate_initial = false});
    const auto count =
        evaluations_to(expected["target"].get<double>(),
                       expected["max_evaluations"].get<std::size_t>(), optimizer, speed.cost);
    if (count) counts.push_back(static_cast<double>(*count));
  }
  const int successes = expected["cmaes"]["successes"].get<int>();
  ASSERT_GE(static_cast<int>(counts.size()), successes - 4);
  std::sort(counts.begin(), counts.end());
  const double median = (counts[(counts.size() - 1) / 2] + counts[counts.size() / 2]) / 2.0;
  const double reference = expected["cmaes"]["median"].get<double>();
  EXPECT_GT(median, 0.7 * reference);
  EXPECT_LT(median, 1.4 * reference);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, CmaEsSpeed,
    ::testing::Values(SpeedCase{"sphere", 6, sphere}, SpeedCase{"ellipsoid_1e6", 6, ellipsoid},
                      SpeedCase{"rosenbrock", 6, rosenbrock}, SpeedCase{"sphere", 20, sphere},
                      SpeedCase{"ellipsoid_1e6", 20, ellipsoid}),
    [](const auto& speed) {
      return std::string(speed.param.function) + std::to_string(speed.param.dimensions);
    });

TEST(CmaEs, EvaluatesTheInitialPointFirst) {
  const SearchSpace space{{{"a", -0.1, 0.7, 0.3}, {"b", 0.0, 3.0, 1.1}}};
  CmaEs with(space, {.seed = 1});
  EXPECT_EQ(with.ask()[0], (Point{0.3, 1.1}));
  const CmaEs without(space, {.seed = 1, .evaluate_initial = false});
  EXPECT_NE(without.ask()[0], (Point{0.3, 1.1}));
  EXPECT_EQ(without.ask()[1], with.ask()[1]);
  with.tell(fitness_of(with.ask(), sphere));
  EXPECT_NE(with.ask()[0], (Point{0.3, 1.1}));
}

TEST(CmaEs, MaximisesTheFitness) {
  CmaEs optimizer(cube(2, 0.0, 1.0, 0.2), {.seed = 3});
  for (int i = 0; i < 40; ++i) {
    std::vector<std::optional<double>> fitness;
    for (const Point& x : optimizer.ask()) fitness.emplace_back(x[0] + x[1]);
    optimizer.tell(fitness);
  }
  EXPECT_GT(optimizer.ask()[0][0], 0.9);
  EXPECT_GT(optimizer.ask()[0][1], 0.9);
}

TEST(CmaEs, FindsAnOptimumOnTheEdgeOfTheBoxAndNeverLeavesIt) {
  CmaEs optimizer(cube(3, 0.0, 1.5, 0.5), {.seed = 5});
  const auto outside = [](const Point& x) {
    return (x[0] + 1.0) * (x[0] + 1.0) + (x[1] - 3.0) * (x[1] - 3.0) + (x[2] - 0.7) * (x[2] - 0.7);
  };
  double best = 1e300;
  for (int i = 0; i < 80; ++i) {
    const std::vector<Point> points = optimizer.ask();
    for (const Point& point : points) {
      for (const double value : point) {
        ASSERT_GE(value, 0.0);
        ASSERT_LE(value, 1.5);
      }
      best = std::min(best, outside(point));
    }
    optimizer.tell(fitness_of(points, outside));
  }
  EXPECT_NEAR(best, 1.0 + 2.25, 1e-3);
}

TEST(CmaEs, SameSeedGivesTheSamePointsAndAnotherSeedOthers) {
  CmaEs first(cube(4, 0.0, 1.0, 0.5), {.seed = 42});
  CmaEs second(cube(4, 0.0, 1.0, 0.5), {.seed = 42});
  const CmaEs other(cube(4, 0.0, 1.0, 0.5), {.seed = 43});
  EXPECT_NE(first.ask()[1], other.ask()[1]);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(first.ask(), second.ask());
    first.tell(fitness_of(first.ask(), rosenbrock));
    second.tell(fitness_of(second.ask(), rosenbrock));
  }
}

TEST(CmaEs, RestoredThroughTextContinuesBitForBit) {
  CmaEs uninterrupted(cube(5, -2.0, 2.0, 0.3), {.seed = 9});
  for (int i = 0; i < 17; ++i) uninterrupted.tell(fitness_of(uninterrupted.ask(), rosenbrock));
  CmaEs resumed(cube(5, -2.0, 2.0, 0.3), {.seed = 9});
  resumed.restore(parse_json(uninterrupted.save().dump(), "test"));
  EXPECT_EQ(resumed.generation(), 17U);
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(resumed.ask(), uninterrupted.ask()) << i;
    ASSERT_EQ(resumed.save().dump(), uninterrupted.save().dump()) << i;
    resumed.tell(fitness_of(resumed.ask(), rosenbrock));
    uninterrupted.tell(fitness_of(uninterrupted.ask(), rosenbrock));
  }
}

TEST(CmaEs, RefusesTheStateOfOtherSettings) {
  const SearchSpace space = cube(3, 0.0, 1.0, 0.5);
  const Json saved = CmaEs(space, {.seed = 1}).save();
  const auto code_of = [&saved](const SearchSpace& other, const CmaEsOptions& options) {
    CmaEs optimizer(other, options);
    try {
      optimizer.restore(saved);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInterrupted;
  };
  EXPECT_EQ(code_of(space, {.seed = 2}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(space, {.population = 30, .seed = 1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(cube(2, 0.0, 1.0, 0.5), {.seed = 1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(cube(3, 0.0, 1.1, 0.5), {.seed = 1}), ErrorCode::kInvalidArgument);
  CmaEs optimizer(space, {.seed = 1});
  EXPECT_THROW(optimizer.restore(Json::array()), Error);
  EXPECT_THROW(optimizer.restore(Json{{"optimizer", "nsga-ii"}}), Error);
  for (const char* key :
       {"optimizer", "settings", "generation", "recent_fitness", "distribution"}) {
    Json damaged = saved;
    damaged[key] = -1;
    EXPECT_THROW(optimizer.restore(damaged), Error) << key;
  }
  EXPECT_EQ(optimizer.save(), saved);
}

TEST(CmaEs, NanAndInfiniteFitnessCountAsFailed) {
  const SearchSpace space = cube(2, 0.0, 1.0, 0.5);
  CmaEs with_nan(space, {.population = 4});
  CmaEs without_value(space, {.population = 4});
  with_nan.tell(std::vector<std::optional<double>>{1.0, std::numeric_limits<double>::quiet_NaN(),
                                                   2.0, std::numeric_limits<double>::infinity()});
  without_value.tell(std::vector<std::optional<double>>{1.0, {}, 2.0, {}});
  EXPECT_EQ(with_nan.save(), without_value.save());
}

TEST(CmaEs, GoesOnAfterAGenerationThatFailedAltogether) {
  CmaEs optimizer(cube(2, 0.0, 1.0, 0.5), {.population = 4});
  const std::vector<Point> before = optimizer.ask();
  optimizer.tell(std::vector<std::optional<double>>(4));
  EXPECT_EQ(optimizer.generation(), 1U);
  EXPECT_NE(optimizer.ask(), before);
}

TEST(CmaEs, EqualFitnessEndsInAStopReasonNotInNonsense) {
  CmaEs optimizer(cube(3, 0.0, 1.0, 0.5), {});
  std::size_t generations = 0;
  for (; generations < 500 && !optimizer.stop(); ++generations) {
    optimizer.tell(std::vector<std::optional<double>>(optimizer.population(), 0.5));
  }
  ASSERT_TRUE(optimizer.stop().has_value());
  EXPECT_EQ(optimizer.stop()->name, "tol_fun");
  for (int i = 0; i < 2000; ++i) {  // advice only: it must go on working
    optimizer.tell(std::vector<std::optional<double>>(optimizer.population(), 0.5));
  }
  for (const Point& point : optimizer.ask()) {
    for (const double value : point) ASSERT_TRUE(value >= 0.0 && value <= 1.0);
  }
}

TEST(CmaEs, SurvivesConvergenceBelowTheResolutionOfDoubles) {
  CmaEs optimizer(cube(2, -1.0, 1.0, 0.3), {.seed = 2});
  for (int i = 0; i < 5000; ++i) optimizer.tell(fitness_of(optimizer.ask(), sphere));
  EXPECT_LT(sphere(optimizer.ask()[0]), 1e-20);
  EXPECT_TRUE(optimizer.stop().has_value());
}

TEST(CmaEs, SearchesOneDimension) {
  CmaEs optimizer(cube(1, -1.0, 3.0, 2.0), {.seed = 4});
  for (int i = 0; i < 60; ++i) optimizer.tell(fitness_of(optimizer.ask(), sphere));
  EXPECT_NEAR(optimizer.ask()[0][0], 0.0, 1e-3);
}

TEST(CmaEs, SearchesHugeAndTinyRangesAlike) {
  const SearchSpace space{{{"huge", -1e300, 1e300, 1e299}, {"tiny", 0.0, 1e-300, 5e-301}}};
  CmaEs optimizer(space, {.seed = 6});
  const auto cost = [](const Point& x) {
    return std::abs(x[0] / 1e300 - 0.25) + std::abs(x[1] / 1e-300 - 0.75);
  };
  for (int i = 0; i < 100; ++i) optimizer.tell(fitness_of(optimizer.ask(), cost));
  EXPECT_LT(cost(optimizer.ask()[0]), 1e-2);
}

TEST(CmaEs, RefusesBadOptions) {
  const SearchSpace space = cube(2, 0.0, 1.0, 0.5);
  EXPECT_THROW(CmaEs(space, {.population = 1}), Error);
  EXPECT_THROW(CmaEs(space, {.population = 1000000000000}), Error);
  EXPECT_THROW(CmaEs(space, {.sigma = 0.0}), Error);
  EXPECT_THROW(CmaEs(space, {.sigma = std::numeric_limits<double>::quiet_NaN()}), Error);
  EXPECT_THROW(CmaEs(cube(5000, 0.0, 1.0, 0.5), {}), Error);
  EXPECT_THROW(CmaEs(cube(2, 0.5, 0.5, 0.5), {}), Error);
  CmaEs optimizer(space, {});
  EXPECT_THROW(optimizer.tell(std::vector<std::optional<double>>(2, 1.0)), Error);
}

}  // namespace
}  // namespace vlm
