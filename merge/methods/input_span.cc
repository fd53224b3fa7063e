#include "merge/methods/input_span.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vlm {
namespace {

// Whether all vectors are.
bool is_finite(const GramMatrix& gram) {
  bool all = true;
  for (std::size_t i = 0; i < gram.size(); ++i) all = all && std::isfinite(gram.at(i, i));
  return all;
}

}  // namespace

GramMatrix gram_of(const TensorMerge& task, ThreadPool& pool) {
  const std::size_t count = task.models.size();
  const std::size_t num_parts = Parts(elements_of(task)).count();
  std::vector<GramMatrix> parts(num_parts, GramMatrix(count));
  std::vector<GramScratch> scratch(num_parts);
  const auto add_block = [&](std::size_t part, const InputBlock& block) {
    block.visit([&](auto base, const auto& models) {
      add_gram_matrix(models, base, scratch[part], parts[part]);
    });
    if (!is_finite(parts[part])) block.require_finite();
  };
  const BlockNeeds needs{.buffers = 0, .takes_bfloat16 = true, .finds_non_finite = true};
  for_each_block(task, needs, pool, add_block);
  GramMatrix sum(count);
  for (const GramMatrix& part : parts) sum.add(part);
  return sum;
}

BlockMerge combine_models(std::vector<double> coefficients) {
  const bool all_count = std::ranges::all_of(
      coefficients, [](double coefficient) { return static_cast<float>(coefficient) != 0.0F; });
  return combination(all_count, [coefficients = std::move(coefficients)](const InputBlock& inputs,
                                                                         std::span<float> out) {
    inputs.visit([&](auto base, const auto& models) { combine(models, base, coefficients, out); });
  });
}

BlockMerge combine_each_run(std::size_t length, FindCoefficients find) {
  const auto merge = [length, find = std::move(find)](const InputBlock& inputs,
                                                      std::span<float> out) {
    GramScratch scratch;
    inputs.visit([&](auto all_base, const auto& models) {
      for (std::size_t first = 0; first < out.size(); first += length) {
        const auto run = part_of(models, first, length);
        const auto base = all_base.empty() ? all_base : all_base.subspan(first, length);
        GramMatrix gram(models.size());
        add_gram_matrix(run, base, scratch, gram);
        combine(run, base, find(gram), out.subspan(first, length));
      }
    });
  };
  return {.unit = length, .buffers = 0, .takes_bfloat16 = true, .merge = merge};
}

}  // namespace vlm
