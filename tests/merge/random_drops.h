#pragma once

// Statistics of methods that drop entries at random, over as many draws as the golden data have.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "tests/merge/memory_checkpoint.h"
#include "tests/merge/run_method.h"

namespace vlm {

inline constexpr std::size_t kDraws = 4000;
inline constexpr double kErrors = 6;  // standard errors that two means may differ by

inline Floats golden_draws(const std::string& file, const std::string& name) {
  const SafetensorsFile opened(std::filesystem::path(VLM_TEST_DATA) / "merge/stochastic" /
                               (file + ".safetensors"));
  return floats_of(opened.view(name));
}

// One draw of a method, on rows of 32 as in the golden data.
inline Floats draw(const std::string& method, const Floats& base, const std::vector<Input>& models,
                   std::uint64_t seed, const ParameterValues& global = {}) {
  return run(method, base, models, global, {base.size() / 32, 32}, seed);
}

struct Moments {
  std::vector<double> mean;
  std::vector<double> variance;
};

inline Moments moments(const std::string& method, const Floats& base,
                       const std::vector<Input>& models, const ParameterValues& global = {}) {
  std::vector<double> sum(base.size());
  std::vector<double> squares(base.size());
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const Floats merged = draw(method, base, models, seed, global);
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

inline void expect_same_mean(const Moments& ours, const Floats& mean, const Floats& deviation) {
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double variance = ours.variance[i] + double{deviation[i]} * double{deviation[i]};
    const double error = std::sqrt(variance / kDraws);
    EXPECT_NEAR(ours.mean[i], mean[i], kErrors * error + 1e-6) << i;
  }
}

// The share of draws in which each entry of a delta of ones stays.
inline std::vector<double> keep_frequencies(const std::string& method, const Floats& base,
                                            const Input& model) {
  std::vector<double> kept(base.size());
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const Floats merged = draw(method, base, {model}, seed, {{"rescale", 0}, {"normalize", 0}});
    for (std::size_t i = 0; i < merged.size(); ++i) kept[i] += merged[i] != base[i] ? 1 : 0;
  }
  for (double& count : kept) count /= kDraws;
  return kept;
}

}  // namespace vlm
