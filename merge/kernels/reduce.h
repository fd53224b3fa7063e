#pragma once

// Sums over whole tensors, in double. Eight interleaved partial sums, added in a fixed order.
// Values stored as bfloat16 give the sums of their float32 values.

#include <span>

#include "tensor/bfloat16.h"

namespace vlm {

// Of two vectors of equal length.
struct InnerProducts {
  double aa = 0;
  double ab = 0;
  double bb = 0;

  InnerProducts& operator+=(const InnerProducts& more) noexcept {
    aa += more.aa;
    ab += more.ab;
    bb += more.bb;
    return *this;
  }
  friend InnerProducts operator+(InnerProducts sum, const InnerProducts& more) noexcept {
    return sum += more;
  }
};
InnerProducts inner_products(std::span<const float> a, std::span<const float> b) noexcept;
InnerProducts inner_products(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept;

// The inner product of two vectors of equal length.
double dot(std::span<const float> a, std::span<const float> b) noexcept;
double dot(std::span<const Bfloat16> a, std::span<const Bfloat16> b) noexcept;

// products[k] = dot(a, others[k]), all in one pass. REQUIRES: as many products as others.
void dots(std::span<const float> a, std::span<const std::span<const float>> others,
          std::span<double> products) noexcept;
void dots(std::span<const Bfloat16> a, std::span<const std::span<const Bfloat16>> others,
          std::span<double> products) noexcept;

}  // namespace vlm
