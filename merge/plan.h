#pragma once

// What a recipe means for given checkpoints: for every output tensor the tensors it is made of, and
// the resolved parameters. Made from headers alone, so that every mistake that headers can show is
// found before a byte of weights is read.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/method.h"
#include "merge/recipe.h"
#include "merge/side_file_changes.h"

namespace vlm {

// Opens a model named in a recipe. Called once per name and plan; throws Error{kNotFound, ...}.
using OpenModel = std::function<std::shared_ptr<const Checkpoint>(const std::string& model)>;

struct PlanInput {
  std::string name;  // as in the recipe
  std::shared_ptr<const Checkpoint> checkpoint;

  // The same object under the same name.
  bool operator==(const PlanInput&) const = default;
};

// A tensor of an input. `info` lives as long as the input's checkpoint.
struct PlannedSource {
  std::size_t input = 0;  // index into MergePlan::inputs
  const TensorInfo* info = nullptr;
  ParameterValues parameters;    // per model
  bool changes_nothing = false;  // see ModelTensor
};

// How one output tensor comes about.
struct TensorPlan {
  TensorInfo output;                 // canonical name, dtype after rounding, shape
  std::optional<std::size_t> layer;  // of the result; absent outside of layers
  std::size_t num_layers = 0;        // of its component in the result
  // A plain copy of sources[0] (apart from the dtype); the method is not asked.
  bool is_copy = false;
  std::vector<PlannedSource> sources;  // recipe order, without the base if the method needs one
  std::optional<PlannedSource> base;   // methods that need one
  ParameterValues parameters;          // global
  // With vocabularies of different sizes: the first `merged_rows` rows are merged, the others are
  // those of `further_rows`.
  std::size_t merged_rows = 0;
  std::optional<PlannedSource> further_rows;
};

// Calls use(source) for everything that an output tensor is made of.
template <typename Use>
void for_each_source(const TensorPlan& tensor, const Use& use) {
  for (const PlannedSource& source : tensor.sources) use(source);
  if (tensor.base) use(*tensor.base);
  if (tensor.further_rows) use(*tensor.further_rows);
}

struct MergePlan {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  Recipe recipe;
  const MergeMethod* method = nullptr;
  std::vector<PlanInput> inputs;  // recipe order; then the base and the VLM unless listed
  std::size_t donor = 0;  // input whose config, layout, tokenizer and side files the result takes
  ModelConfig config;     // of the result
  SideFileChanges side_files;  // what differs from the donor's: tokenizer, chat template
  std::vector<TensorPlan> tensors;
  std::vector<std::string> warnings;  // one line each
};

// Resolves a recipe. The donor is the VLM, else base_model, else the first model. Parameters come
// from the slice's source, the slice, the component, the recipe, the default, in this order.
// Throws Error{kInvalidArgument, kUnsupported, kNotFound, kCorruptFile}.
MergePlan make_merge_plan(const Recipe& recipe, const OpenModel& open_model);

}  // namespace vlm
