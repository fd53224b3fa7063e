#include "merge/methods/delta_filter.h"

#include <algorithm>
#include <limits>

namespace vlm {
namespace {

constexpr std::uint32_t kLargestBits = 0x7FFFFFFFU;  // of a magnitude

}  // namespace

KeepByMagnitude::Part KeepByMagnitude::at(std::size_t first) const {
  Part part{{}, std::numeric_limits<std::size_t>::max()};
  if (!kept) return {kNothing, part.end};
  const auto is_before_end = [&](const MagnitudeCut& cut) {
    if (first >= cut.tie_end) return false;
    part.end = std::min(part.end, cut.tie_end);
    return true;
  };
  // What is equal to the cut is kept before its end and dropped after it; outliers the other way.
  const std::uint32_t lowest = kept->bits + (is_before_end(*kept) ? 0U : 1U);
  if (lowest > kLargestBits) return {kNothing, part.end};
  part.window.lowest = static_cast<std::int32_t>(lowest);
  if (!outliers) return part;
  const std::uint32_t dropped = outliers->bits + (is_before_end(*outliers) ? 0U : 1U);
  if (dropped == 0) return {kNothing, part.end};
  part.window.highest = static_cast<std::int32_t>(std::min(dropped - 1, kLargestBits));
  return part;
}

bool has_weight(const ModelTensor& model) {
  return static_cast<float>(model.parameters.at("weight")) != 0.0F;
}

DeltaFilters filter_each(const TensorMerge& task, std::size_t unit, const MakeFilter& make_filter) {
  DeltaFilters filters{.of_models = {}, .unit = unit};
  for (const ModelTensor& model : task.models) {
    DeltaFilter& filter = filters.of_models.emplace_back();
    if (has_weight(model)) filter = make_filter(task, model);
  }
  return filters;
}

}  // namespace vlm
