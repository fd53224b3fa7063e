#pragma once

// The methods of this folder; each is defined in the file of its name.

#include "merge/method.h"

namespace vlm {

MergeMethod linear_method();
MergeMethod slerp_method();
MergeMethod task_arithmetic_method();
MergeMethod ties_method();
MergeMethod dare_linear_method();
MergeMethod dare_ties_method();
MergeMethod passthrough_method();

}  // namespace vlm
