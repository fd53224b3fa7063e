#pragma once

// Whether models can be merged into one, as far as their configs and token tables tell.

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "merge/component.h"
#include "merge/plan.h"
#include "merge/token_comparison.h"

namespace vlm {

// Throws Error{kUnsupported} for a data-flow model, whose layers are not executed as they are
// stored.
void refuse_layer_path(const std::string& name, const Checkpoint& model);

// Compares a component's config of each of `members` (indices of inputs) with the donor's.
// Differences that tensor shapes may not show but that change what the weights mean (heads, patch
// size, activation) throw Error{kInvalidArgument}; those that make a merge doubtful (rope_theta,
// sliding_window, feature layer) are returned as warnings. REQUIRES: for vision and projector,
// members and donor are VLMs.
std::vector<std::string> compare_configs(Component component, const std::vector<PlanInput>& inputs,
                                         const std::set<std::size_t>& members, std::size_t donor);

// Compares the tokens of each of `members` with the donor's, among the rows of embeddings that both
// have. A difference is a warning, or Error{kInvalidArgument} if they must agree; so is a tokenizer
// that cannot be read. That a model has none is a warning if they must agree, else no matter; one
// of a kind that is not understood is a warning.
std::vector<std::string> compare_token_tables(const std::vector<PlanInput>& inputs,
                                              const std::set<std::size_t>& members,
                                              std::size_t donor, bool must_agree,
                                              TokenComparisons& comparisons);

}  // namespace vlm
