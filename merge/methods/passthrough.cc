#include <algorithm>
#include <limits>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"

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
          .parameters = {{.name = "scale",
                          .kind = ParameterKind::kNumber,
                          .scope = ParameterScope::kPerModel,
                          .fallback = 1,
                          .lowest = std::numeric_limits<double>::lowest(),
                          .highest = std::numeric_limits<double>::max(),
                          .meaning = "factor of the tensor"},
                         int8_mask_parameter()},
          .merge = merge_passthrough,
          .complaint = nullptr};
}

}  // namespace vlm
