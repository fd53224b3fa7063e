#pragma once

// The loops of parameter competition balancing (Du et al., NeurIPS 2024, section 3). Spans of one
// call have equal lengths and do not overlap. An element's result depends on that element alone.

#include <cstddef>
#include <limits>
#include <span>

namespace vlm {

// Of magnitudes; NaN is passed over.
struct MagnitudeRange {
  float smallest = std::numeric_limits<float>::infinity();
  float smallest_above_zero = std::numeric_limits<float>::infinity();
  float largest = 0;

  void add(const MagnitudeRange& more) noexcept;
};
MagnitudeRange magnitude_range(std::span<const float> x) noexcept;

// out = exp(models a^2) tanh(delta total), to 1e-8 of itself before it is rounded; 0 where that is
// not above 0. a is |delta|, spread from `range` to 0 ... 1.
void competition_scores(std::span<const float> delta, std::span<const float> total,
                        std::size_t models, const MagnitudeRange& range,
                        std::span<float> out) noexcept;

// What one model adds to an element. Scores of 0 add nothing; others count as `range` spreads them
// from the smallest above zero to 0 ... 1 (as 1 if all are one number).
struct Competitor {
  std::span<const float> delta;
  std::span<const float> scores;
  MagnitudeRange range;
  double weight = 1;
};

// out = base + lambda m, m the mean of weight * delta by the scores (0 where no score counts).
// Computed in double.
void add_competing_deltas(std::span<const float> base, std::span<const Competitor> models,
                          double lambda, std::span<float> out) noexcept;

}  // namespace vlm
