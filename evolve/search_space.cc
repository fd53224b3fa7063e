#include "evolve/search_space.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

[[noreturn]] void refuse(const Dimension& dimension, const std::string& what, double value) {
  throw Error(ErrorCode::kInvalidArgument, "bad search space: dimension \"" + dimension.name +
                                               "\": " + what + ": " + std::to_string(value));
}

void validate(const Dimension& dimension) {
  if (!std::isfinite(dimension.low)) refuse(dimension, "low is not finite", dimension.low);
  if (!std::isfinite(dimension.high)) refuse(dimension, "high is not finite", dimension.high);
  const double width = dimension.high - dimension.low;
  if (!(width > 0.0)) refuse(dimension, "high - low must be above zero", width);
  if (!std::isfinite(width)) refuse(dimension, "high - low is not finite", width);
  if (!(dimension.initial >= dimension.low && dimension.initial <= dimension.high)) {
    refuse(dimension, "the initial value lies outside the bounds", dimension.initial);
  }
}

}  // namespace

void validate(const SearchSpace& space) {
  if (space.dimensions.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "bad search space: dimensions: 0 (nothing to search)");
  }
  std::set<std::string_view> names;
  for (const Dimension& dimension : space.dimensions) {
    if (dimension.name.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "bad search space: name of a dimension: empty");
    }
    if (!names.insert(dimension.name).second) {
      throw Error(ErrorCode::kInvalidArgument,
                  "bad search space: repeated dimension: \"" + dimension.name + "\"");
    }
    validate(dimension);
  }
}

std::vector<double> to_unit_cube(const SearchSpace& space, std::span<const double> point) {
  check(point.size() == space.size(), "to_unit_cube: one value per dimension");
  std::vector<double> unit_point(space.size());
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Dimension& dimension = space.dimensions[i];
    unit_point[i] = (point[i] - dimension.low) / (dimension.high - dimension.low);
  }
  return unit_point;
}

std::vector<double> to_box(const SearchSpace& space, std::span<const double> unit_point) {
  check(unit_point.size() == space.size(), "to_box: one value per dimension");
  std::vector<double> point(space.size());
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Dimension& dimension = space.dimensions[i];
    point[i] = std::clamp(dimension.low + unit_point[i] * (dimension.high - dimension.low),
                          dimension.low, dimension.high);
  }
  return point;
}

std::vector<double> initial_point(const SearchSpace& space) {
  std::vector<double> point;
  point.reserve(space.size());
  for (const Dimension& dimension : space.dimensions) point.push_back(dimension.initial);
  return point;
}

}  // namespace vlm
