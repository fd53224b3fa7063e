#include "merge/methods/delta_filter.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

// What the windows of a filter leave of a delta.
Floats keep_by_windows(const KeepByMagnitude& filter, Floats delta) {
  for (std::size_t first = 0; first < delta.size();) {
    const auto [window, end] = filter.at(first);
    EXPECT_GT(end, first);
    for (std::size_t i = first; i < std::min(end, delta.size()); ++i) {
      const auto bits = static_cast<std::int32_t>(magnitude_bits(delta[i]));
      if (bits < window.lowest || bits > window.highest) delta[i] = 0;
    }
    first = end;
  }
  return delta;
}

// Deltas with many equals, and with all that is not a number.
std::vector<Floats> deltas() {
  Floats equal;
  for (const float value : random_values(200, "delta")) equal.push_back(std::round(3 * value));
  Floats odd = random_values(50, "odd");
  odd[3] = std::numeric_limits<float>::infinity();
  odd[7] = std::numeric_limits<float>::quiet_NaN();
  odd[8] = -std::numeric_limits<float>::quiet_NaN();
  return {equal, odd, Floats(40, -1.0F), Floats(30, 0.0F)};
}

bool are_equal(const Floats& a, const Floats& b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return magnitude_bits(x) == magnitude_bits(y);  // also NaN
  });
}

TEST(KeepByMagnitude, WindowsKeepWhatTheCutsKeep) {
  for (const Floats& delta : deltas()) {
    for (std::size_t kept = 1; kept <= delta.size(); kept += 3) {
      for (std::size_t outliers = 0; outliers < kept; outliers += 5) {
        KeepByMagnitude filter{find_magnitude_cut(delta, {}, kept), std::nullopt};
        Floats wanted = delta;
        keep_largest(*filter.kept, 0, wanted);
        if (outliers > 0) {
          filter.outliers = find_magnitude_cut(delta, {}, outliers);
          drop_largest(*filter.outliers, 0, wanted);
        }
        EXPECT_TRUE(are_equal(keep_by_windows(filter, delta), wanted)) << kept << ", " << outliers;
      }
    }
  }
}

TEST(KeepByMagnitude, WithoutACutNothingIsKept) {
  for (const Floats& delta : deltas()) {
    EXPECT_EQ(keep_by_windows({}, delta), Floats(delta.size(), 0.0F));
  }
}

}  // namespace
}  // namespace vlm
