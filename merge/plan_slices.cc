#include "merge/plan_slices.h"

#include <set>
#include <string>

#include "core/error.h"
#include "merge/refusal.h"

namespace vlm {
namespace {

void check_layers(const MergePlan& plan, const Slice& slice) {
  const SliceSource& first = slice.sources.front();
  for (const SliceSource& source : slice.sources) {
    if (source.layers.count() == first.layers.count()) continue;
    refuse("models of one slice differ in their number of layers: " + plan.recipe.where + ": " +
           plan.inputs[first.input].name + " " + std::to_string(first.layers.count()) + ", " +
           plan.inputs[source.input].name + " " + std::to_string(source.layers.count()));
  }
}

}  // namespace

bool has_origin(const MergeMethod& method, std::optional<std::size_t> base) {
  return method.base == BaseRole::kRequired ||
         (method.base == BaseRole::kOptional && base.has_value());
}

std::size_t ComponentSlices::num_layers() const {
  std::size_t sum = 0;
  for (const Slice& slice : slices) sum += slice.sources.front().layers.count();
  return sum;
}

std::set<std::size_t> ComponentSlices::inputs() const {
  std::set<std::size_t> all;
  for (const Slice& slice : slices) {
    for (const SliceSource& source : slice.sources) all.insert(source.input);
  }
  if (outer) all.insert(outer->sources.front().input);
  return all;
}

void check_slice(const MergePlan& plan, const Slice& slice) {
  const std::optional<std::size_t> base = slice.base;
  if (!base && plan.method->base == BaseRole::kRequired) {
    refuse("method needs a base_model: " + plan.recipe.where + ": '" + plan.method->name + "'");
  }
  const bool with_origin = has_origin(*plan.method, base);
  std::set<std::size_t> seen;
  std::size_t models = 0;
  for (const SliceSource& source : slice.sources) {
    if (!seen.insert(source.input).second) {
      refuse("model is listed twice: " + plan.recipe.where + ": " + plan.inputs[source.input].name);
    }
    if (!with_origin || base != source.input) ++models;
  }
  if (with_origin && !seen.contains(*base)) {
    refuse("base_model must be a source of every slice: " + plan.recipe.where + ": " +
           plan.inputs[*base].name);
  }
  if (models < plan.method->min_models || models > plan.method->max_models) {
    const std::string wanted = plan.method->min_models == plan.method->max_models
                                   ? "exactly " + std::to_string(plan.method->min_models)
                                   : std::to_string(plan.method->min_models) + " to " +
                                         std::to_string(plan.method->max_models);
    refuse("method '" + plan.method->name + "' takes " + wanted + " model(s)" +
           (with_origin ? " besides the base" : "") + ": " + plan.recipe.where + ": " +
           std::to_string(models));
  }
  check_layers(plan, slice);
}

void check_parameters(const MergePlan& plan, const TensorPlan& tensor) {
  if (!plan.method->complaint) return;
  TensorMerge task;
  task.parameters = tensor.parameters;
  for (const PlannedSource& source : tensor.sources) {
    task.models.push_back({source.input, {}, source.parameters, nullptr});
  }
  if (const auto complaint = plan.method->complaint(task)) {
    refuse(*complaint + ": " + plan.recipe.where + ": " + tensor.output.name);
  }
}

}  // namespace vlm
