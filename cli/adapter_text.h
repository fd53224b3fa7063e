#pragma once

// Adapters that were made or will be, in words.

#include <string>

#include "merge/adapter_plan.h"
#include "merge/adapter_writer.h"
#include "merge/plan_summary.h"

namespace vlm {

// A table of the kinds of modules and their errors, what is saved whole, and where it is written.
std::string adapter_report_text(const AdapterReport& report, const std::string& target);

// Method, adapters, amounts, warnings. `summary` is of the deltas, here and below.
std::string adapter_plan_text(const AdapterPlan& plan, const PlanSummary& summary);

// For each tensor its shape, its form in the result, parameters and sources.
std::string adapter_tensors_text(const AdapterPlan& plan, const PlanSummary& summary);

}  // namespace vlm
