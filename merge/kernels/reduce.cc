#include "merge/kernels/reduce.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace vlm {
namespace {

constexpr std::size_t kLanes = 8;
using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) noexcept {
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

}  // namespace

InnerProducts& InnerProducts::operator+=(const InnerProducts& more) noexcept {
  aa += more.aa;
  ab += more.ab;
  bb += more.bb;
  return *this;
}

InnerProducts inner_products(std::span<const float> a, std::span<const float> b) noexcept {
  Lanes aa{};
  Lanes ab{};
  Lanes bb{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double x = a[i + lane];
      const double y = b[i + lane];
      aa[lane] += x * x;
      ab[lane] += x * y;
      bb[lane] += y * y;
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    aa[i - whole] += x * x;
    ab[i - whole] += x * y;
    bb[i - whole] += y * y;
  }
  return {total(aa), total(ab), total(bb)};
}

double dot(std::span<const float> a, std::span<const float> b) noexcept {
  Lanes lanes{};
  const std::size_t whole = a.size() - a.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += double{a[i + lane]} * double{b[i + lane]};
    }
  }
  for (std::size_t i = whole; i < a.size(); ++i) lanes[i - whole] += double{a[i]} * double{b[i]};
  return total(lanes);
}

double l1_norm(std::span<const float> x) noexcept {
  Lanes lanes{};
  const std::size_t whole = x.size() - x.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += std::fabs(double{x[i + lane]});
    }
  }
  for (std::size_t i = whole; i < x.size(); ++i) lanes[i - whole] += std::fabs(double{x[i]});
  return total(lanes);
}

}  // namespace vlm
