#pragma once

// What a merge of adapters will cost, told before it begins.

#include <cstddef>
#include <cstdint>

#include "merge/adapter_plan.h"
#include "merge/plan_cost.h"

namespace vlm {

// Of all adapters, and of the base what tensors that are saved whole are read from.
std::uint64_t bytes_to_read(const AdapterPlan& plan);
std::uint64_t bytes_to_write(const AdapterPlan& plan);

// As estimate_cost() for models, with a moment of the decompositions that cut deltas to a rank. The
// memory is that of the largest tensors if each thread has one as a whole.
PlanCost estimate_adapter_cost(const AdapterPlan& plan, std::size_t num_threads);

}  // namespace vlm
