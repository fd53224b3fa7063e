#include "merge/output_shape.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "merge/input_tensors.h"
#include "merge/refusal.h"

namespace vlm {
namespace {

std::string described(const MergePlan& plan, const PlannedSource& source) {
  return plan.inputs[source.input].name + ": " + source.info->name + " " +
         to_string(source.info->shape);
}

// Sources, base and the donor's tensor; the donor's last.
std::vector<PlannedSource> all_of(const TensorPlan& tensor,
                                  const std::optional<PlannedSource>& donated) {
  std::vector<PlannedSource> all = tensor.sources;
  if (tensor.base) all.push_back(*tensor.base);
  if (donated) all.push_back(*donated);
  return all;
}

void align_rows(const MergePlan& plan, const std::vector<PlannedSource>& all, TensorPlan& tensor) {
  tensor.output.shape = all.back().info->shape;
  for (const PlannedSource& other : all) {
    const Shape& shape = other.info->shape;
    if (shape.size() != 2 || tensor.output.shape.size() != 2 ||
        shape[1] != tensor.output.shape[1]) {
      refuse("shapes differ beyond the vocabulary's rows: " + described(plan, all.front()) + ", " +
             described(plan, other));
    }
    tensor.merged_rows = std::min(tensor.merged_rows, shape[0]);
  }
  if (tensor.output.shape[0] > tensor.merged_rows) tensor.further_rows = all.back();
}

}  // namespace

void align_shapes(const MergePlan& plan, const std::optional<PlannedSource>& donated,
                  TensorPlan& tensor) {
  const std::vector<PlannedSource> all = all_of(tensor, donated);
  const PlannedSource& first = tensor.sources.front();
  const bool has_rows_by_token =
      tensor.output.name == kEmbedName || tensor.output.name == kHeadName;
  tensor.output.shape = first.info->shape;
  tensor.merged_rows = first.info->shape.empty() ? 0 : first.info->shape.front();
  if (has_rows_by_token && plan.recipe.vocabulary == VocabularyPolicy::kCommonRows) {
    return align_rows(plan, all, tensor);
  }
  for (const PlannedSource& other : all) {
    if (other.info->shape == first.info->shape) continue;
    refuse("shapes differ: " + described(plan, first) + ", " + described(plan, other) +
           (has_rows_by_token ? " (embeddings: {policy: common-rows} merges the rows both have)"
                              : ""));
  }
}

DType output_dtype(const Recipe& recipe, const TensorPlan& tensor) {
  if (recipe.out_dtype) return *recipe.out_dtype;
  if (recipe.dtype) return *recipe.dtype;
  const bool widens = recipe.merge_method == "arcee_fusion" || recipe.merge_method == "ramplus_tl";
  if (recipe.imitates_mergekit && widens) return DType::kF32;
  const DType first = tensor.sources.front().info->dtype;
  const auto agrees = [&](const PlannedSource& source) { return source.info->dtype == first; };
  const bool all_agree = std::all_of(tensor.sources.begin(), tensor.sources.end(), agrees) &&
                         (!tensor.base || agrees(*tensor.base)) &&
                         (!tensor.further_rows || agrees(*tensor.further_rows));
  return all_agree && first != DType::kF64 ? first : DType::kF32;
}

}  // namespace vlm
