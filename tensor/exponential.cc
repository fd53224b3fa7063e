#include "tensor/exponential.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace vlm {
namespace {

// Four floats as one value: GCC's and Clang's vector extension, which every processor has
// instructions for. Compilers at -O2 do not find them in plain loops.
constexpr std::size_t kLanes = 4;
using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;
using BitLanes [[gnu::vector_size(kLanes * sizeof(float))]] = std::uint32_t;

// Outside this range the exponent of 2^n would run over.
constexpr float kSmallest = -87.3F;
constexpr float kLargest = 88.0F;

Lanes all(float value) noexcept {
  return Lanes{value, value, value, value};
}

[[gnu::always_inline]] inline Lanes exponential(Lanes x) noexcept {
  constexpr float kLog2e = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const Lanes shifted = x * kLog2e + kRounder;
  const Lanes n = shifted - kRounder;
  const Lanes r = (x - n * kLn2High) - n * kLn2Low;
  Lanes sum = all(1.0F / 5040.0F);
  sum = sum * r + 1.0F / 720.0F;
  sum = sum * r + 1.0F / 120.0F;
  sum = sum * r + 1.0F / 24.0F;
  sum = sum * r + 1.0F / 6.0F;
  sum = sum * r + 0.5F;
  sum = sum * r + 1.0F;
  sum = sum * r + 1.0F;
  // The low bits of `shifted` are n; they become the exponent of 2^n.
  const BitLanes exponent = (std::bit_cast<BitLanes>(shifted) + 127U) << 23U;
  const Lanes result = sum * std::bit_cast<Lanes>(exponent);
  const Lanes bounded = x < kSmallest ? all(0.0F) : result;
  return x > kLargest ? all(std::numeric_limits<float>::infinity()) : bounded;
}

Lanes load(std::span<const float> x, std::size_t first, float filler) noexcept {
  Lanes lanes = all(filler);
  std::memcpy(&lanes, &x[first], std::min(kLanes, x.size() - first) * sizeof(float));
  return lanes;
}

void store(Lanes lanes, std::span<float> x, std::size_t first) noexcept {
  std::memcpy(&x[first], &lanes, std::min(kLanes, x.size() - first) * sizeof(float));
}

// x = transform(x), four elements at a time.
template <typename Transform>
void transform_lanes(std::span<float> x, Transform transform) noexcept {
  const std::size_t whole = x.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    Lanes lanes;  // NOLINT(cppcoreguidelines-init-variables): read from x
    std::memcpy(&lanes, &x[i], sizeof(lanes));
    lanes = transform(lanes);
    std::memcpy(&x[i], &lanes, sizeof(lanes));
  }
  if (whole < x.size()) store(transform(load(x, whole, 0.0F)), x, whole);
}

}  // namespace

void exponentials(std::span<float> x, float shift) noexcept {
  transform_lanes(x, [shift](Lanes lanes) { return exponential(lanes + shift); });
}

double sum_of_exponentials(std::span<const float> x, float shift) noexcept {
  const std::size_t whole = x.size() / kLanes * kLanes;
  Lanes sums = all(0.0F);
  for (std::size_t i = 0; i < whole; i += kLanes) {
    Lanes lanes;  // NOLINT(cppcoreguidelines-init-variables): read from x
    std::memcpy(&lanes, &x[i], sizeof(lanes));
    sums += exponential(lanes + shift);
  }
  if (whole < x.size()) {
    constexpr float kNothing = -std::numeric_limits<float>::infinity();
    sums += exponential(load(x, whole, kNothing) + shift);
  }
  double total = 0.0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) total += double{sums[lane]};
  return total;
}

void multiply_by_sigmoid(std::span<float> x, float slope) noexcept {
  transform_lanes(x, [slope](Lanes lanes) { return lanes / (exponential(lanes * -slope) + 1.0F); });
}

}  // namespace vlm
