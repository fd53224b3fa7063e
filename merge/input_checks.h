#pragma once

// Whether models can be merged into one, as far as their configs and token tables tell.

#include <string>
#include <vector>

#include "merge/plan.h"

namespace vlm {

// Compares the language model's config of each input with the donor's. Differences that tensor
// shapes may not show but that change what the weights mean (heads, hidden size, activation) throw
// Error{kInvalidArgument}; those that make a merge doubtful (rope_theta, sliding_window,
// rms_norm_eps, rope_scaling) are returned as warnings.
std::vector<std::string> compare_configs(const std::vector<PlanInput>& inputs, std::size_t donor);

// For merging rows by id: throws Error{kInvalidArgument} if an input's tokenizer.model differs from
// the donor's; returns a warning for each that has none to compare.
std::vector<std::string> compare_token_tables(const std::vector<PlanInput>& inputs,
                                              std::size_t donor);

}  // namespace vlm
