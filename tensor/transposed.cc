#include "tensor/transposed.h"

namespace vlm {

std::vector<float> transposed(const std::vector<float>& values, std::size_t rows) {
  const std::size_t cols = values.size() / rows;
  std::vector<float> turned(values.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; ++col)
      turned[col * rows + row] = values[row * cols + col];
  }
  return turned;
}

}  // namespace vlm
