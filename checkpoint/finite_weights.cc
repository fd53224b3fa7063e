#include "checkpoint/finite_weights.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/error.h"

namespace vlm {
namespace {

// The number of values if there is none.
std::size_t place_of_non_finite(std::span<const float> values) {
  const auto found =
      std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  return static_cast<std::size_t>(found - values.begin());
}

}  // namespace

std::string element_position(const Shape& shape, std::size_t element) {
  Shape place(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    place[i] = element % shape[i];
    element /= shape[i];
  }
  return to_string(place);
}

void require_finite(std::span<const float> values, const TensorInfo& info, std::size_t first,
                    const std::string& model, const std::string& hint) {
  const std::size_t found = place_of_non_finite(values);
  if (found == values.size()) return;
  std::ostringstream text;
  text << "weight is not a number: " << model << ": " << info.name << ": element "
       << element_position(info.shape, first + found) << ": " << values[found] << hint;
  throw Error(ErrorCode::kCorruptFile, text.str());
}

void require_fit(std::span<const float> values, const TensorInfo& info, std::size_t first,
                 const std::string& hint) {
  const std::size_t found = place_of_non_finite(values);
  if (found == values.size()) return;
  std::ostringstream text;
  text << "merged weight does not fit into " << torch_name(info.dtype) << ": " << info.name
       << ": element " << element_position(info.shape, first + found) << ": " << values[found]
       << hint;
  throw Error(ErrorCode::kInvalidArgument, text.str());
}

}  // namespace vlm
