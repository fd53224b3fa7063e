#include <algorithm>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

void merge_passthrough(const TensorMerge& task, std::span<float> out) {
  const ModelTensor& model = task.models.front();
  std::copy(model.values.begin(), model.values.end(), out.begin());
  const double factor = model.parameters.at("scale");
  if (factor != 1.0) scale(out, static_cast<float>(factor));
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
          .merge = merge_passthrough,
          .complaint = nullptr};
}

}  // namespace vlm
