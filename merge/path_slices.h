#pragma once

// A data-flow recipe with its models opened: which layers the result has, and its config.

#include <cstddef>
#include <string>
#include <vector>

#include "merge/merged_config.h"
#include "merge/plan.h"
#include "merge/plan_slices.h"

namespace vlm {

// One execution of a layer.
struct PathHop {
  std::size_t input = 0;  // index into MergePlan::inputs
  std::size_t layer = 0;
  double scale = 1;
};

// All hops of a model: a data-flow model's own, else each layer once. The first is scaled by
// `scale` besides. Throws Error{kInvalidArgument} if its scales are of another kind than the
// recipe's, Error{kCorruptFile} for a data-flow model without a path.
std::vector<PathHop> hops_of_model(const PlanInput& input, std::size_t index, double scale,
                                   PathScaling scaling);

// Must live as long as the slices it makes.
class PathSlices {
 public:
  // Throws what fold_scales() throws.
  PathSlices(const Recipe& recipe, std::vector<PathHop> hops);

  // The text: a slice for each hop, or, in the EvoMistral layout, for each layer that occurs. The
  // tensors outside of layers are those of input `donor`.
  [[nodiscard]] ComponentSlices text(std::size_t donor) const;
  // The config of the result, given that of a merge of these slices. Throws Error{kUnsupported} for
  // a donor that is no Mistral in the EvoMistral layout.
  [[nodiscard]] ModelConfig result_config(ModelConfig config) const;
  // Lines for the plan.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  // Whether the released model's code would read scales of ours as another kind.
  [[nodiscard]] bool is_unknown_to_released_code() const;

  const RecipePath& path_;
  std::vector<PathHop> hops_;
  std::vector<PathHop> layers_;              // that are stored; their scales do not count
  std::vector<std::size_t> layer_of_hop_;    // index into layers_, for each hop
  std::vector<ParameterSettings> settings_;  // of each of layers_
  ParameterSettings outer_settings_;
};

}  // namespace vlm
