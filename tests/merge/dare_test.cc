// Statistics of DARE over 4000 draws against those of mergekit's own sparsifier.

#include <cmath>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "merge/method.h"
#include "tests/merge/memory_checkpoint.h"

namespace vlm {
namespace {

using Floats = std::vector<float>;

constexpr std::size_t kDraws = 4000;
constexpr double kErrors = 6;  // standard errors that two means may differ by

Floats golden(const std::string& file, const std::string& name) {
  const SafetensorsFile opened(std::filesystem::path(VLM_TEST_DATA) / "merge/stochastic" /
                               (file + ".safetensors"));
  return read_all(opened.view(name));
}

struct Model {
  Floats values;
  double weight = 1;
  double density = 1;
};

Floats draw(const std::string& method, const Floats& base, const std::vector<Model>& models,
            std::uint64_t seed, double rescale = 1) {
  TensorMerge task;
  task.name = "text/x";
  task.seed = seed;
  task.base = base;
  task.parameters = {{"lambda", 1}, {"normalize", 0}, {"rescale", rescale}};
  for (const Model& model : models) {
    task.models.push_back({task.models.size(),
                           model.values,
                           {{"weight", model.weight}, {"density", model.density}},
                           nullptr});
  }
  Floats out(base.size());
  find_merge_method(method, "test").merge(task, out);
  return out;
}

struct Moments {
  std::vector<double> mean;
  std::vector<double> variance;
};

Moments moments(const std::string& method, const Floats& base, const std::vector<Model>& models) {
  std::vector<double> sum(base.size());
  std::vector<double> squares(base.size());
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const Floats merged = draw(method, base, models, seed);
    for (std::size_t i = 0; i < merged.size(); ++i) {
      sum[i] += double{merged[i]};
      squares[i] += double{merged[i]} * double{merged[i]};
    }
  }
  Moments result;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double mean = sum[i] / kDraws;
    result.mean.push_back(mean);
    result.variance.push_back(std::max(0.0, squares[i] / kDraws - mean * mean));
  }
  return result;
}

void expect_same_mean(const Moments& ours, const Floats& mean, const Floats& deviation) {
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double variance = ours.variance[i] + double{deviation[i]} * double{deviation[i]};
    const double error = std::sqrt(variance / kDraws);
    EXPECT_NEAR(ours.mean[i], mean[i], kErrors * error + 1e-6) << i;
  }
}

TEST(Dare, LinearHasMergekitsMean) {
  const Floats base = golden("input", "base");
  const std::vector<Model> models{{golden("input", "ft_a"), 0.5, 0.5},
                                  {golden("input", "ft_b"), 0.8, 0.3}};
  expect_same_mean(moments("dare_linear", base, models), golden("dare_linear", "mean"),
                   golden("dare_linear", "std"));
}

TEST(Dare, TiesHasMergekitsMean) {
  const Floats base = golden("input", "base");
  const std::vector<Model> models{{golden("input", "ft_a"), 0.5, 0.5},
                                  {golden("input", "ft_b"), 0.8, 0.7}};
  expect_same_mean(moments("dare_ties", base, models), golden("dare_ties", "mean"),
                   golden("dare_ties", "std"));
}

TEST(Dare, KeepsEachEntryWithProbabilityDensity) {
  const std::size_t size = 512;
  const Floats base(size, 0);
  const Floats ones(size, 1);
  for (const double density : {0.3, 0.7}) {
    std::vector<double> kept(size);
    for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
      const Floats merged = draw("dare_linear", base, {{ones, 1, density}}, seed, 0);
      for (std::size_t i = 0; i < size; ++i) kept[i] += double{merged[i]};
    }
    const double error = std::sqrt(density * (1 - density) / kDraws);
    for (const double count : kept) EXPECT_NEAR(count / kDraws, density, kErrors * error);
  }
}

TEST(Dare, RescaleKeepsTheL1Norm) {
  const Floats base = golden("input", "base");
  const Floats values = golden("input", "ft_a");
  const Floats merged = draw("dare_linear", base, {{values, 1, 0.3}}, 7);
  double full = 0;
  double kept = 0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    full += std::fabs(double{values[i]} - double{base[i]});
    kept += std::fabs(double{merged[i]} - double{base[i]});
  }
  EXPECT_NEAR(kept / full, 1, 1e-5);
}

TEST(Dare, MaskDependsOnSeedAndModel) {
  const Floats base(100, 0);
  const Floats ones(100, 1);
  const std::vector<Model> one{{ones, 1, 0.5}};
  EXPECT_EQ(draw("dare_linear", base, one, 1), draw("dare_linear", base, one, 1));
  EXPECT_NE(draw("dare_linear", base, one, 1), draw("dare_linear", base, one, 2));
  const std::vector<Model> first{{ones, 1, 0.5}, {ones, 0, 0.5}};
  const std::vector<Model> second{{ones, 0, 0.5}, {ones, 1, 0.5}};
  EXPECT_NE(draw("dare_linear", base, first, 1), draw("dare_linear", base, second, 1));
}

}  // namespace
}  // namespace vlm
