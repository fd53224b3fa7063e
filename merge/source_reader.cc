#include "merge/source_reader.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "core/error.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/finite.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 15U;  // elements: 128 KiB

// "[3, 17]" for element 3 * columns + 17.
std::string position(const Shape& shape, std::size_t element) {
  Shape place(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    place[i] = element % shape[i];
    element /= shape[i];
  }
  return to_string(place);
}

[[noreturn]] void refuse(const PlanInput& input, const TensorInfo& info, const SourceRules& rules,
                         std::size_t element) {
  float stored = 0;
  input.checkpoint->read_part(info, element, {&stored, 1});
  std::ostringstream text;
  if (std::isfinite(stored)) {
    text << "weight does not fit into " << torch_name(*rules.rounding);
  } else {
    text << "weight is not a number";
  }
  text << ": " << input.name << ": " << info.name << ": element " << position(info.shape, element)
       << ": " << stored << " (merge --allow-nan lets it pass)";
  throw Error(ErrorCode::kCorruptFile, text.str());
}

}  // namespace

void read_source(const PlanInput& input, const TensorInfo& info, const SourceRules& rules,
                 std::size_t first, std::span<float> out) {
  const std::size_t step = input.checkpoint->reads_parts() ? kBlock : std::max(out.size(), kBlock);
  for (std::size_t done = 0; done < out.size(); done += step) {
    const std::span<float> block = out.subspan(done, std::min(step, out.size() - done));
    input.checkpoint->read_part(info, first + done, block);
    if (rules.rounding) round_to_dtype(block, *rules.rounding);
    if (rules.allow_nan) continue;
    if (const auto bad = find_non_finite(block)) refuse(input, info, rules, first + done + *bad);
  }
}

}  // namespace vlm
