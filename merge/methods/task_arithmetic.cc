#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

// Nothing is dropped here, so what steers dropping has no effect.
std::vector<ParameterSpec> task_arithmetic_parameters() {
  std::vector<ParameterSpec> parameters =
      task_vector_parameters({.normalize = false, .rescale = false});
  for (ParameterSpec& spec : parameters) {
    if (spec.name != "density" && spec.name != "rescale") continue;
    spec.meaning = int8_mask_parameter().meaning;
  }
  return parameters;
}

}  // namespace

MergeMethod task_arithmetic_method() {
  return {.name = "task_arithmetic",
          .paper = "Ilharco et al., ICLR 2023, \"Editing models with task arithmetic\"",
          .formula = "base + lambda sum_i w_i (x_i - base)",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = task_arithmetic_parameters(),
          .start = start_task_vectors({}),
          .complaint = nullptr};
}

}  // namespace vlm
