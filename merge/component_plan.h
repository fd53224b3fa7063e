#pragma once

// The output tensors of one component.

#include <set>
#include <string>
#include <vector>

#include "merge/filter_uses.h"
#include "merge/input_tensors.h"
#include "merge/plan.h"
#include "merge/plan_slices.h"

namespace vlm {

// The names outside of layers that a source of the slice has, sorted; a head that every source ties
// is not among them.
std::set<std::string, std::less<>> outer_names(const std::vector<InputTensors>& inputs,
                                               Component component, const Slice& slice);

// Appends the component's tensors to plan.tensors: those before the layers from the first slice's
// sources, the layers slice by slice, those behind them from the last slice's. `plan` has recipe,
// method, inputs and donor. Throws Error{kInvalidArgument, kCorruptFile} for a tensor that a source
// lacks, shapes that differ, parameters that are missing or that the method complains about.
// `inputs` are parallel to plan.inputs; `filters` learns which tensors settings are asked for.
void add_component(const ComponentSlices& slices, const std::vector<InputTensors>& inputs,
                   MergePlan& plan, FilterUses& filters);

}  // namespace vlm
