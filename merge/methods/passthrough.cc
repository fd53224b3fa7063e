#include <algorithm>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

BlockMerge start_passthrough(const TensorMerge& task, ThreadPool& /*pool*/) {
  const auto factor = static_cast<float>(task.models.front().parameters.at("scale"));
  const auto merge = [factor](const InputBlock& inputs, std::span<float> out) {
    std::ranges::copy(inputs.models.front(), out.begin());
    if (factor != 1.0F) scale(out, factor);
  };
  return {.unit = 1, .buffers = 0, .merge = merge};
}

}  // namespace

MergeMethod passthrough_method() {
  return {.name = "passthrough",
          .paper = "Goddard et al. 2024, \"Arcee's MergeKit\", section 3",
          .formula = "scale x",
          .base = BaseRole::kOrdinary,
          .min_models = 1,
          .max_models = 1,
          .parameters = {any_number("scale", ParameterScope::kPerModel, 1, "factor of the tensor"),
                         int8_mask_parameter()},
          .start = start_passthrough,
          .complaint = nullptr};
}

}  // namespace vlm
