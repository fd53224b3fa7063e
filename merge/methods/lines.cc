#include "merge/component.h"
#include "merge/kernels/gram.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// Wang et al.: alpha + beta (l - 1) / (L - 1) for layer l of 1 ... L. Embeddings count as
// the first layer, final norm and head as the last.
double layer_factor(const TensorMerge& task) {
  const double alpha = task.parameters.at("alpha");
  const double beta = task.parameters.at("beta");
  if (!task.layer) return is_before_layers(task.name) ? alpha : alpha + beta;
  if (task.num_layers < 2) return alpha;
  return alpha + beta * static_cast<double>(*task.layer) / static_cast<double>(task.num_layers - 1);
}

BlockMerge start_lines(const TensorMerge& task, ThreadPool& /*pool*/) {
  std::vector<double> factors;
  for (const ModelTensor& model : task.models) {
    factors.push_back(layer_factor(task) * model.parameters.at("weight"));
  }
  return combine_models(std::move(factors));
}

}  // namespace

MergeMethod lines_method() {
  return {.name = "lines",
          .paper = "Wang et al., ICLR 2025, \"LiNeS\"",
          .formula =
              "base + (alpha + beta (l-1)/(L-1)) sum_i w_i d_i in layer l of L; embeddings as "
              "l = 1, final norm and head as l = L",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {any_number("weight", ParameterScope::kPerModel, 1, "factor of the model"),
                         any_number("alpha", ParameterScope::kGlobal, std::nullopt,
                                    "factor of the first layer"),
                         any_number("beta", ParameterScope::kGlobal, std::nullopt,
                                    "how much larger the factor of the last layer is")},
          .start = start_lines,
          .complaint = nullptr};
}

}  // namespace vlm
