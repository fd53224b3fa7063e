#pragma once

// The box a search runs in, and the map between it and the unit cube in which optimisers work.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace vlm {

// One number to be searched, in the caller's own unit. low < high; initial lies between them.
struct Dimension {
  std::string name;
  double low = 0.0;
  double high = 1.0;
  double initial = 0.5;
};

struct SearchSpace {
  std::vector<Dimension> dimensions;

  [[nodiscard]] std::size_t size() const noexcept { return dimensions.size(); }
};

// Throws Error{kInvalidArgument} for a space without dimensions, an empty or repeated name, bounds
// that are not finite or leave no width, or an initial value outside them.
void validate(const SearchSpace& space);

// The point in the unit cube of a point in the box: (x - low) / (high - low).
std::vector<double> to_unit_cube(const SearchSpace& space, std::span<const double> point);

// The point in the box of a point in the unit cube; never outside [low, high].
std::vector<double> to_box(const SearchSpace& space, std::span<const double> unit_point);

// The initial values, in the box.
std::vector<double> initial_point(const SearchSpace& space);

}  // namespace vlm
