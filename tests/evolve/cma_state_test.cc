#include "evolve/cma_state.h"

#include <cmath>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>

#include "core/error.h"
#include "evolve/cma_json.h"

namespace vlm {
namespace {

// Recorded runs of cmaes 0.13.1: every point, its cost and the state after each generation.
Json recorded_run(const std::string& name) {
  return read_json_file(std::filesystem::path(VLM_TEST_DATA) / "evolve" / (name + ".json"));
}

Eigen::VectorXd vector_of(const Json& array) {
  const auto values = array.get<std::vector<double>>();
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

// Rows of the JSON become columns.
Eigen::MatrixXd columns_of(const Json& rows) {
  Eigen::MatrixXd matrix(static_cast<Eigen::Index>(rows[0].size()),
                         static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    matrix.col(static_cast<Eigen::Index>(i)) = vector_of(rows[i]);
  }
  return matrix;
}

std::vector<std::optional<double>> costs_of(const Json& array) {
  return {array.begin(), array.end()};
}

double relative_difference(const Eigen::MatrixXd& actual, const Eigen::MatrixXd& expected) {
  return (actual - expected).norm() / expected.norm();
}

CmaState start_of(const Json& run) {
  return {vector_of(run["initial_mean"]), run["initial_sigma"].get<double>(),
          run["population"].get<std::size_t>()};
}

class RecordedCmaRun : public ::testing::TestWithParam<const char*> {};
class RecordedRunInABox : public ::testing::TestWithParam<const char*> {};

TEST_P(RecordedCmaRun, HasTheSameConstants) {
  const Json run = recorded_run(GetParam());
  const CmaParameters p =
      cma_parameters(run["dimension"].get<std::size_t>(), run["population"].get<std::size_t>());
  const auto weights = run["weights"].get<std::vector<double>>();
  ASSERT_EQ(p.weights.size(), weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(p.weights[i], weights[i], 1e-14);
  EXPECT_NEAR(p.mu_eff, run["mu_eff"].get<double>(), 1e-13);
  EXPECT_NEAR(p.c_1, run["c_1"].get<double>(), 1e-14);
  EXPECT_NEAR(p.c_mu, run["c_mu"].get<double>(), 1e-14);
  EXPECT_NEAR(p.c_c, run["c_c"].get<double>(), 1e-14);
  EXPECT_NEAR(p.c_sigma, run["c_sigma"].get<double>(), 1e-14);
  EXPECT_NEAR(p.d_sigma, run["d_sigma"].get<double>(), 1e-14);
  EXPECT_NEAR(p.chi_n, run["chi_n"].get<double>(), 1e-14);
}

TEST_P(RecordedCmaRun, IsReproducedFromItsPointsAndCosts) {
  const Json run = recorded_run(GetParam());
  CmaState state = start_of(run);
  double largest = 0.0;
  for (const Json& generation : run["generations"]) {
    state.update(columns_of(generation["x"]), costs_of(generation["f"]));
    const double sigma = generation["sigma"].get<double>();
    for (const double difference :
         {relative_difference(state.mean(), vector_of(generation["mean"])),
          std::abs(state.sigma() - sigma) / sigma,
          relative_difference(state.covariance(), columns_of(generation["C"])),
          relative_difference(state.path_c(), vector_of(generation["p_c"])),
          relative_difference(state.path_sigma(), vector_of(generation["p_sigma"]))}) {
      ASSERT_LE(difference, 1e-9) << "generation " << generation["generation"];
      largest = std::max(largest, difference);
    }
  }
  EXPECT_LE(largest, 1e-12);  // measured: 1.3e-14
}

// The recorded normal numbers, axes and distribution give the recorded points: resampling and
// clipping agree draw by draw.
TEST_P(RecordedRunInABox, IsSampledFromItsNormalNumbers) {
  const Json run = recorded_run(GetParam());
  const auto max_resampling = run["max_resampling"].get<std::size_t>();
  Eigen::VectorXd mean = vector_of(run["initial_mean"]);
  double sigma = run["initial_sigma"].get<double>();
  for (const Json& generation : run["generations"]) {
    const Eigen::MatrixXd axes = columns_of(generation["B"]).transpose();
    const Eigen::VectorXd lengths = vector_of(generation["D"]);
    const Eigen::MatrixXd z = columns_of(generation["z"]);
    const Eigen::MatrixXd points = columns_of(generation["x"]);
    Eigen::Index next = 0;
    for (Eigen::Index i = 0; i < points.cols(); ++i) {
      const Eigen::VectorXd point = sample_in_unit_cube(
          [&]() -> Eigen::VectorXd {
            return mean + sigma * (axes * lengths.cwiseProduct(z.col(next++)));
          },
          max_resampling);
      EXPECT_LE((point - points.col(i)).cwiseAbs().maxCoeff(), 1e-12);
    }
    EXPECT_EQ(next, z.cols()) << "generation " << generation["generation"];
    mean = vector_of(generation["mean"]);
    sigma = generation["sigma"].get<double>();
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, RecordedCmaRun,
                         ::testing::Values("cma_sphere6", "cma_rosenbrock4", "cma_box6",
                                           "cma_box2_clip"),
                         [](const auto& run) { return std::string(run.param); });

INSTANTIATE_TEST_SUITE_P(Golden, RecordedRunInABox, ::testing::Values("cma_box6", "cma_box2_clip"),
                         [](const auto& run) { return std::string(run.param); });

TEST(CmaParameters, DefaultPopulationIsThePapers) {
  EXPECT_EQ(default_cma_population(1), 4U);
  EXPECT_EQ(default_cma_population(4), 8U);
  EXPECT_EQ(default_cma_population(6), 9U);
  EXPECT_EQ(default_cma_population(24), 13U);
}

TEST(CmaState, IgnoresAGenerationThatFailedAltogether) {
  CmaState state(Eigen::VectorXd::Constant(2, 0.5), 0.1, 4);
  const Json before = state.save();
  state.update(Eigen::MatrixXd::Random(2, 4), std::vector<std::optional<double>>(4));
  EXPECT_EQ(state.save(), before);
}

TEST(CmaState, IsNotAttractedByFailedCandidates) {
  CmaState state(Eigen::VectorXd::Zero(1), 1.0, 4);
  Eigen::MatrixXd points(1, 4);
  points << -1.0, -1.0, -1.0, 1.0;
  state.update(points, std::vector<std::optional<double>>{{}, {}, {}, 5.0});
  EXPECT_GT(state.mean()[0], 0.5);
}

// Selection that always rewards one direction makes the matrix ever longer; it must stay usable.
TEST(CmaState, StaysPositiveDefiniteUnderExtremeSelection) {
  CmaState state(Eigen::VectorXd::Zero(3), 1.0, 7);
  for (int generation = 0; generation < 2000; ++generation) {
    Eigen::MatrixXd points(3, 7);
    std::vector<std::optional<double>> costs(7);
    for (Eigen::Index i = 0; i < 7; ++i) {
      const Eigen::Vector3d z(std::sin(0.7 * static_cast<double>(i) + generation),
                              std::cos(1.3 * static_cast<double>(i) * generation),
                              std::sin(static_cast<double>(i * i) - generation));
      points.col(i) = state.point_of(z);
      costs[static_cast<std::size_t>(i)] = -z[2];  // the longest axis wins
    }
    state.update(points, costs);
    ASSERT_GT(state.axes().lengths.minCoeff(), 0.0) << generation;
    ASSERT_TRUE(state.covariance().allFinite()) << generation;
    ASSERT_TRUE(state.mean().allFinite()) << generation;
  }
  EXPECT_TRUE(state.stop({}).has_value());
}

TEST(CmaState, StopsForANamedReason) {
  CmaState state(Eigen::VectorXd::Constant(2, 0.5), 0.1, 6);
  EXPECT_FALSE(state.stop({}).has_value());
  const std::vector<CmaFitnessRange> flat(state.fitness_window(), {0.25, 0.25});
  EXPECT_EQ(state.stop(flat)->name, "tol_fun");
  EXPECT_FALSE(state.stop(std::span(flat).first(5)).has_value());

  const auto stop_of = [&state](const std::string& key, const Json& value) {
    Json saved = state.save();
    saved[key] = value;
    CmaState changed(Eigen::VectorXd::Constant(2, 0.5), 0.1, 6);
    changed.restore(saved);
    return changed.stop({}).value_or(StopReason{"none"}).name;
  };
  EXPECT_EQ(stop_of("sigma", 1e-14), "tol_x");
  EXPECT_EQ(stop_of("sigma", 2e3), "tol_x_up");
  EXPECT_EQ(stop_of("covariance", Json::array({1e15, 0.0, 1.0})), "tol_x_up");
  EXPECT_EQ(stop_of("covariance", Json::array({1.0, 0.0, 1e-15})), "condition_number");
  EXPECT_EQ(stop_of("mean", Json::array({1e17, 0.5})), "no_effect_coordinate");
}

TEST(CmaState, RefusesADamagedState) {
  CmaState state(Eigen::VectorXd::Constant(2, 0.5), 0.1, 6);
  const Json good = state.save();
  const auto refused = [&state](const Json& damaged) {
    try {
      state.restore(damaged);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kCorruptFile;
    }
    return false;
  };
  for (const auto& [key, value] : good.items()) {
    Json damaged = good;
    damaged.erase(key);
    EXPECT_TRUE(refused(damaged)) << key;
    damaged[key] = "text";
    EXPECT_TRUE(refused(damaged)) << key;
    damaged[key] = Json::array({1.0});
    EXPECT_TRUE(refused(damaged)) << key;
  }
  Json damaged = good;
  damaged["covariance"] = Json::array({1.0, nullptr, 1.0});
  EXPECT_TRUE(refused(damaged));
  damaged["covariance"] = Json::array({1e300, 0.0, 1.0});
  EXPECT_TRUE(refused(damaged));
  damaged = good;
  damaged["sigma"] = -1.0;
  EXPECT_TRUE(refused(damaged));
  EXPECT_EQ(state.save(), good);
}

TEST(CmaState, RepairsACovarianceThatIsNotPositiveDefinite) {
  CmaState state(Eigen::VectorXd::Constant(2, 0.5), 0.1, 6);
  Json saved = state.save();
  saved["covariance"] = Json::array({1.0, 2.0, 1.0});  // eigenvalues 3 and -1
  state.restore(saved);
  EXPECT_GT(state.axes().lengths.minCoeff(), 0.0);
  EXPECT_NEAR(state.axes().lengths.maxCoeff(), std::sqrt(3.0), 1e-12);
}

TEST(SampleInUnitCube, ClipsOnlyAfterTheLastDraw) {
  int draws = 0;
  const auto outside = [&draws] {
    ++draws;
    return Eigen::VectorXd{{2.0, -1.0, 0.5}};
  };
  EXPECT_EQ(sample_in_unit_cube(outside, 3), (Eigen::VectorXd{{1.0, 0.0, 0.5}}));
  EXPECT_EQ(draws, 4);
}

}  // namespace
}  // namespace vlm
