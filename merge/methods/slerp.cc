#include <cmath>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// mergekit's constants: shorter vectors are not normalised, nearer directions go linearly.
constexpr double kSmallestNorm = 1e-8;
constexpr double kLargestCosine = 0.9995;

// Factors of base and other: sin((1 - t) theta) / sin(theta) and sin(t theta) / sin(theta).
struct SlerpFactors {
  double base = 0;
  double other = 0;
};

SlerpFactors slerp_factors(double cosine, double t) {
  if (std::fabs(cosine) > kLargestCosine) return {1.0 - t, t};
  const double theta = std::acos(cosine);
  return {std::sin((1.0 - t) * theta) / std::sin(theta), std::sin(t * theta) / std::sin(theta)};
}

double norm_or_one(double squared) {
  const double norm = std::sqrt(squared);
  return norm > kSmallestNorm ? norm : 1.0;
}

void merge_slerp(const TensorMerge& task, std::span<float> out) {
  const std::span<const float> other = task.models.front().values;
  const double t = task.parameters.at("t");
  const InnerProducts products = inner_products(task.base, other);
  const double cosine = products.ab / (norm_or_one(products.aa) * norm_or_one(products.bb));
  const SlerpFactors factors = slerp_factors(cosine, t);
  blend(task.base, static_cast<float>(factors.base), other, static_cast<float>(factors.other), out);
}

}  // namespace

MergeMethod slerp_method() {
  return {.name = "slerp",
          .paper = "Shoemake, SIGGRAPH 1985, \"Animating rotation with quaternion curves\"",
          .formula =
              "sin((1-t)h)/sin(h) base + sin(t h)/sin(h) other, h the angle of the whole "
              "tensors; linear if abs(cos h) > 0.9995",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 1,
          .parameters = {any_number("t", ParameterScope::kGlobal, std::nullopt,
                                    "0: base, 1: the other model; beyond: extrapolation"),
                         int8_mask_parameter()},
          .merge = merge_slerp,
          .complaint = nullptr};
}

}  // namespace vlm
