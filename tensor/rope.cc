#include "tensor/rope.h"

#include <cmath>

#include "core/check.h"

namespace vlm {

std::vector<float> rope_inverse_frequencies(double theta, std::size_t head_dim) {
  check(head_dim > 0 && head_dim % 2 == 0, "rope_inverse_frequencies: head_dim even");
  std::vector<float> frequencies(head_dim / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    frequencies[i] = 1.0F / static_cast<float>(std::pow(theta, double{exponent}));
  }
  return frequencies;
}

void rope_angles(std::size_t position, std::span<const float> inverse_frequencies,
                 std::span<float> cosines, std::span<float> sines) noexcept {
  check(cosines.size() == inverse_frequencies.size() && sines.size() == cosines.size(),
        "rope_angles: equal lengths");
  for (std::size_t i = 0; i < inverse_frequencies.size(); ++i) {
    const float angle = static_cast<float>(position) * inverse_frequencies[i];
    cosines[i] = static_cast<float>(std::cos(double{angle}));
    sines[i] = static_cast<float>(std::sin(double{angle}));
  }
}

void rotate_half(std::span<float> head, std::span<const float> cosines,
                 std::span<const float> sines) noexcept {
  const std::size_t half = cosines.size();
  check(head.size() == 2 * half && sines.size() == half, "rotate_half: head [2 n], angles [n]");
  for (std::size_t i = 0; i < half; ++i) {
    const float first = head[i];
    const float second = head[half + i];
    head[i] = first * cosines[i] - second * sines[i];
    head[half + i] = second * cosines[i] + first * sines[i];
  }
}

}  // namespace vlm
