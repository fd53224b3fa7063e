#pragma once

// Shape and dtype of an output tensor, from those of its sources.

#include <optional>

#include "merge/plan.h"

namespace vlm {

// Sets tensor.output.shape, merged_rows and further_rows from its sources, its base and `donated`,
// the donor's tensor of that name (absent for layers). All shapes must agree, except that rows of
// embeddings and head may differ under VocabularyPolicy::kCommonRows: then the donor's are the
// result's. Throws Error{kInvalidArgument} naming two that differ.
void align_shapes(const MergePlan& plan, const std::optional<PlannedSource>& donated,
                  TensorPlan& tensor);

// The recipe's out_dtype, else its dtype, else that of the sources; F32 where they differ.
DType output_dtype(const Recipe& recipe, const TensorPlan& tensor);

}  // namespace vlm
