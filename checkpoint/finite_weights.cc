#include "checkpoint/finite_weights.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/error.h"

namespace vlm {

std::string element_position(const Shape& shape, std::size_t element) {
  Shape place(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    place[i] = element % shape[i];
    element /= shape[i];
  }
  return to_string(place);
}

void require_finite(std::span<const float> values, const TensorInfo& info, const std::string& model,
                    const std::string& hint) {
  const auto found =
      std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (found == values.end()) return;
  std::ostringstream text;
  text << "weight is not a number: " << model << ": " << info.name << ": element "
       << element_position(info.shape, static_cast<std::size_t>(found - values.begin())) << ": "
       << *found << hint;
  throw Error(ErrorCode::kCorruptFile, text.str());
}

}  // namespace vlm
