#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {

MergeMethod nearswap_method() {
  return {.name = "nearswap",
          .paper = "alchemonaut 2024, \"NearSwap\" (in mergekit)",
          .formula =
              "w x + (1 - w) base, w = t / abs(x - base), at most 1: small differences are taken "
              "over, large ones are not",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 1,
          .parameters = {any_number("t", ParameterScope::kGlobal, std::nullopt,
                                    "differences up to t are taken over whole"),
                         int8_mask_parameter()},
          .merge =
              [](const TensorMerge& task, std::span<float> out) {
                near_swap(task.models.front().values, task.base,
                          static_cast<float>(task.parameters.at("t")), out);
              },
          .complaint = nullptr};
}

}  // namespace vlm
