#include <cmath>
#include <numeric>

#include "merge/block_loop.h"
#include "merge/kernels/reduce.h"
#include "merge/kernels/weighted_sums.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// mergekit's constants: shorter vectors are not normalised, nearer directions go linearly.
constexpr double kSmallestBlendNorm = 1e-8;
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
  return norm > kSmallestBlendNorm ? norm : 1.0;
}

InnerProducts products_of(const TensorMerge& task, ThreadPool& pool) {
  std::vector<InnerProducts> parts(Parts(elements_of(task)).count());
  const auto add_block = [&](std::size_t part, const InputBlock& block) {
    block.visit([&](auto base, const auto& models) {
      const InnerProducts products = inner_products(base, models.front());
      if (!std::isfinite(products.aa + products.bb)) block.require_finite();
      parts[part] += products;
    });
  };
  const BlockNeeds needs{.buffers = 0, .takes_bfloat16 = true, .finds_non_finite = true};
  for_each_block(task, needs, pool, add_block);
  return std::accumulate(parts.begin(), parts.end(), InnerProducts());
}

BlockMerge start_slerp(const TensorMerge& task, ThreadPool& pool) {
  const InnerProducts products = products_of(task, pool);
  const double cosine = products.ab / (norm_or_one(products.aa) * norm_or_one(products.bb));
  const SlerpFactors factors = slerp_factors(cosine, task.parameters.at("t"));
  const auto merge = [factors](const InputBlock& inputs, std::span<float> out) {
    inputs.visit([&](auto base, const auto& models) {
      blend(base, static_cast<float>(factors.base), models.front(),
            static_cast<float>(factors.other), out);
    });
  };
  return {
      .unit = 1, .buffers = 0, .takes_bfloat16 = true, .finds_non_finite = true, .merge = merge};
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
          .start = start_slerp,
          .complaint = nullptr};
}

}  // namespace vlm
