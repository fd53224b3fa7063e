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

// What a target of the plan holds while it is computed: a delta as a whole, and what the method
// takes for it. Deltas share kMaxWorkingBytes.
std::uint64_t working_bytes(const AdapterPlan& plan, std::size_t target);

// What the largest target holds of it beyond kMaxWorkingBytes.
std::uint64_t overflow_bytes(const AdapterPlan& plan);

// As estimate_cost() for models, with a moment of the decompositions that cut deltas to a rank.
PlanCost estimate_adapter_cost(const AdapterPlan& plan, std::size_t num_threads);

}  // namespace vlm
