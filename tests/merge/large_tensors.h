#pragma once

// Tensors of more elements than are computed, stored and read at a time.

#include <cmath>
#include <cstddef>
#include <vector>

#include "tensor/tensor_view.h"

namespace vlm {

inline constexpr std::size_t kLargeRows = 700;
inline constexpr std::size_t kLargeColumns = 500;
inline const Shape kLargeShape{kLargeRows, kLargeColumns};

// Between -1 and 1, others for each step.
inline std::vector<float> large_values(float step) {
  std::vector<float> made(kLargeRows * kLargeColumns);
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = std::sin(step * static_cast<float>(i));
  return made;
}

}  // namespace vlm
