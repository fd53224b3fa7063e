#include "tensor/maximum.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace vlm {
namespace {

constexpr std::size_t kLanes = 16;  // for loops that compilers turn into vector instructions
constexpr float kNothing = -std::numeric_limits<float>::infinity();

bool is_nan(float x) noexcept {
  return std::isnan(x);
}

}  // namespace

float largest(std::span<const float> x) noexcept {
  std::array<float, kLanes> best{};
  best.fill(kNothing);
  std::size_t first = 0;
  for (; first + kLanes <= x.size(); first += kLanes) {
    const float* values = &x[first];
    for (std::size_t i = 0; i < kLanes; ++i) best[i] = values[i] > best[i] ? values[i] : best[i];
  }
  for (; first < x.size(); ++first) best[0] = x[first] > best[0] ? x[first] : best[0];
  const float result = *std::ranges::max_element(best);
  const bool saw_a_number = result != kNothing || x.empty() || !std::ranges::all_of(x, is_nan);
  return saw_a_number ? result : std::numeric_limits<float>::quiet_NaN();
}

std::size_t index_of_largest(std::span<const float> x) noexcept {
  const float most = largest(x);
  std::size_t first = 0;
  for (; first + kLanes <= x.size(); first += kLanes) {
    const float* values = &x[first];
    int found = 0;
    for (std::size_t i = 0; i < kLanes; ++i) found |= values[i] == most ? 1 : 0;
    if (found != 0) break;
  }
  while (first < x.size() && x[first] != most) ++first;
  return first;
}

bool has_nan(std::span<const float> x) noexcept {
  int found = 0;
  for (const float value : x) found |= is_nan(value) ? 1 : 0;
  return found != 0;
}

}  // namespace vlm
