#pragma once

// Adapters that were made or will be, in words.

#include <string>

#include "merge/adapter_plan.h"
#include "merge/adapter_writer.h"

namespace vlm {

// A table of the kinds of modules and their errors, and a line on what is saved whole.
std::string adapter_report_text(const AdapterReport& report);

// Method, adapters, warnings; with `with_tensors` also a line for each tensor.
std::string adapter_plan_text(const AdapterPlan& plan, bool with_tensors);

}  // namespace vlm
