#pragma once

#include <cstddef>
#include <vector>

namespace vlm {

// [rows, cols] as [cols, rows], both row-major. REQUIRES: rows > 0 divides the values.
std::vector<float> transposed(const std::vector<float>& values, std::size_t rows);

}  // namespace vlm
