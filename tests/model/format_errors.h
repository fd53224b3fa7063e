#pragma once

// How far weights of a format may put a model from itself in float32, beside transformers with such
// weights: relative errors of its layers and outputs, in the same order.

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {

using FormatErrors = std::vector<double>;

inline void record_ratio(const FormatErrors& found, const FormatErrors& theirs, std::size_t i) {
  ::testing::Test::RecordProperty("layer_" + std::to_string(i),
                                  std::to_string(found[i] / theirs[i]));
}

// Both roundings are random and independent, so a layer may be worse than the reference's by luck;
// issue 4 asks for at most three times its error. Not 0: other code must have run.
inline void expect_at_most_thrice(const FormatErrors& found, const FormatErrors& theirs) {
  ASSERT_EQ(found.size(), theirs.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_GT(found[i], 0.0) << i;
    EXPECT_LT(found[i], 3.0 * theirs[i]) << i;
    record_ratio(found, theirs, i);
  }
}

// The steps of int8 are the same as the reference's, which computes in float32. Ours may round
// activations of products to bfloat16 besides; transformers in bfloat16 rounds these and everything
// else, so that adds, or takes away by luck, at most its error, `rounding`.
inline void expect_as_with_the_same_steps(const FormatErrors& found, const FormatErrors& theirs,
                                          const FormatErrors& rounding) {
  ASSERT_EQ(found.size(), theirs.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_GT(found[i], theirs[i] / 2.0) << i;
    EXPECT_NEAR(found[i], theirs[i], rounding[i]) << i;
    record_ratio(found, theirs, i);
  }
}

}  // namespace vlm
