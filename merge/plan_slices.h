#pragma once

// The slices of a component with their models opened.

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "merge/component.h"
#include "merge/method.h"
#include "merge/plan.h"
#include "merge/recipe.h"

namespace vlm {

// A source of a slice: which input, which of its layers, with which parameters.
struct SliceSource {
  std::size_t input = 0;
  LayerRange layers;
  const ParameterSettings* parameters = nullptr;  // null: the input has none of its own
};

struct Slice {
  std::vector<SliceSource> sources;
  const ParameterSettings* parameters = nullptr;
  std::optional<std::size_t> base = {};  // its base_model, else the recipe's
  bool is_copy = false;                  // its one source as it is; the method is not asked
};

struct ComponentSlices {
  Component component = Component::kText;
  std::vector<Slice> slices;
  const ParameterSettings* parameters = nullptr;
  bool is_donors = false;  // the recipe does not name it: one slice, all of the donor's as it is
  // The sources of what is outside of layers; absent: those of the first and the last slice.
  std::optional<Slice> outer = std::nullopt;

  [[nodiscard]] std::size_t num_layers() const;
  // What it is made of.
  [[nodiscard]] std::set<std::size_t> inputs() const;
};

// Whether the base is the origin of deltas, not an input like the others.
bool has_origin(const MergeMethod& method, std::optional<std::size_t> base);

// Throws Error{kInvalidArgument} for a model that is there twice, a base that the method needs and
// that is not there or not among the sources, a number of models that the method does not take, or
// sources of different numbers of layers. `plan` has recipe, method and inputs.
void check_slice(const MergePlan& plan, const Slice& slice);

// Throws Error{kInvalidArgument} if the method complains about the parameters of a tensor.
void check_parameters(const MergePlan& plan, const TensorPlan& tensor);

}  // namespace vlm
