#include <cmath>
#include <vector>

#include "core/error.h"
#include "merge/kernels/gram.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// All vectors of this method are combinations of the inputs: sum_i c_i x_i.
using Coefficients = std::vector<double>;

Coefficients weights_of(const TensorMerge& task) {
  const double sum = task.parameters.at("normalize_weights") != 0 ? weight_sum(task) : 1.0;
  Coefficients weights;
  for (const ModelTensor& model : task.models) {
    weights.push_back(model.parameters.at("weight") / sum);
  }
  return weights;
}

// The weights' point on the arc from the mean direction m along the mean tangent T:
// (m cos |T| + T sin |T| / |T|) sum_i w_i |x_i|. `m` has length 1.
Coefficients walk_the_arc(const GramMatrix& gram, const Coefficients& weights,
                          const Coefficients& inverse_norms, const Coefficients& m, double eps) {
  const std::size_t count = weights.size();
  double along = 0;   // sum_i w_i (u_i . m)
  double length = 0;  // sum_i w_i |x_i|
  for (std::size_t i = 0; i < count; ++i) {
    Coefficients direction(count);
    direction[i] = inverse_norms[i];
    along += weights[i] * gram.product(direction, m);
    length += weights[i] * std::sqrt(gram.at(i, i));
  }
  Coefficients tangent(count);
  for (std::size_t i = 0; i < count; ++i) {
    tangent[i] = weights[i] * inverse_norms[i] - along * m[i];
  }
  const double angle = gram.norm(tangent) + eps;
  Coefficients result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = length * (m[i] * std::cos(angle) + tangent[i] * std::sin(angle) / angle);
  }
  return result;
}

Coefficients multislerp_coefficients(const TensorMerge& task, const GramMatrix& gram) {
  const double eps = task.parameters.at("eps");
  Coefficients weights = weights_of(task);
  const std::size_t count = weights.size();
  Coefficients inverse_norms(count);
  Coefficients mean(count);
  for (std::size_t i = 0; i < count; ++i) {
    inverse_norms[i] = 1.0 / (std::sqrt(gram.at(i, i)) + eps);
    mean[i] = weights[i] * inverse_norms[i];
  }
  const double norm = gram.norm(mean);
  if (!(norm < eps)) {
    for (double& each : mean) each /= norm;
    return walk_the_arc(gram, weights, inverse_norms, mean, eps);
  }
  if (task.imitates_mergekit && count > 2) {
    throw Error(ErrorCode::kInvalidArgument,
                "directions cancel, which mergekit refuses: multislerp: " + std::string(task.name));
  }
  return weights;
}

BlockMerge start_multislerp(const TensorMerge& task, ThreadPool& pool) {
  return combine_models(multislerp_coefficients(task, gram_of(task, pool)));
}

}  // namespace

MergeMethod multislerp_method() {
  return {.name = "multislerp",
          .paper = "Goddard et al. 2024, \"Arcee's MergeKit\"; barycentres on the sphere",
          .formula =
              "weighted mean on the sphere in the tangent space of the mean direction, times "
              "sum_i w_i abs(x_i); of deltas, added to the base, if there is one; linear where the "
              "directions cancel",
          .base = BaseRole::kOptional,
          .min_models = 2,
          .max_models = 64,
          .parameters = {weight_parameter(),
                         flag("normalize_weights", true, "divide the weights by their sum"),
                         number_in("eps", ParameterScope::kGlobal, {0, 1}, 1e-8,
                                   "norms are made this much larger before they divide"),
                         int8_mask_parameter()},
          .start = start_multislerp,
          .complaint = [](const TensorMerge& task) {
            return complain_about_weight_sum(task, "normalize_weights");
          }};
}

}  // namespace vlm
