#pragma once

// Where the numbers of a plot go on the page.

#include <cstddef>
#include <vector>

namespace vlm {

// Labels of an axis: multiples of 1, 2 or 5 times a power of ten.
struct AxisTicks {
  std::vector<double> values;  // ascending, at least two
  int digits = 0;              // after the decimal point, so that all labels are exact
};

// About `count` (at least 2) round labels that enclose [low, high]; the ends of the axis are the
// first and the last. A range that is empty or not finite becomes one around `low` or 0.
AxisTicks enclosing_ticks(double low, double high, std::size_t count);
// The same for whole numbers: the step is at least 1.
AxisTicks enclosing_whole_ticks(double low, double high, std::size_t count);

// A straight map of numbers to pixels.
struct PlotScale {
  double low = 0.0;
  double high = 1.0;
  double low_px = 0.0;
  double high_px = 1.0;

  [[nodiscard]] double operator()(double value) const {
    return low_px + (value - low) / (high - low) * (high_px - low_px);
  }
};

}  // namespace vlm
