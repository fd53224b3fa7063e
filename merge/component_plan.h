#pragma once

// The output tensors of one component.

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "merge/input_tensors.h"
#include "merge/plan.h"
#include "merge/plan_slices.h"

namespace vlm {

// The inputs of a plan, as far as their tensors are concerned.
struct PlannedInputs {
  std::vector<InputTensors> tensors;  // parallel to MergePlan::inputs
  std::optional<std::size_t> base;    // index of the base_model
};

// The names outside of layers that a source of the slice has, sorted; a head that every source ties
// is not among them.
std::set<std::string, std::less<>> outer_names(const std::vector<InputTensors>& inputs,
                                               Component component, const Slice& slice);

// Appends the component's tensors to plan.tensors: those before the layers from the first slice's
// sources, the layers slice by slice, those behind them from the last slice's. `plan` has recipe,
// method, inputs and donor. Throws Error{kInvalidArgument, kCorruptFile} for a tensor that a source
// lacks, shapes that differ, parameters that are missing or that the method complains about.
void add_component(const ComponentSlices& slices, const PlannedInputs& inputs, MergePlan& plan);

}  // namespace vlm
