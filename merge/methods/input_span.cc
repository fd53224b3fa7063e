#include "merge/methods/input_span.h"

#include <utility>

namespace vlm {

GramMatrix gram_of(const TensorMerge& task, ThreadPool& pool) {
  std::vector<GramMatrix> parts(Parts(elements_of(task)).count(), GramMatrix(task.models.size()));
  const std::size_t buffers = task.base.empty() ? 0 : task.models.size();
  for_each_block(task, buffers, pool, [&](std::size_t part, const InputBlock& block) {
    parts[part].add(gram_matrix(block.models, block.base, block.buffers));
  });
  GramMatrix sum(task.models.size());
  for (const GramMatrix& part : parts) sum.add(part);
  return sum;
}

BlockMerge combine_models(std::vector<double> coefficients) {
  const auto merge = [coefficients = std::move(coefficients)](const InputBlock& inputs,
                                                              std::span<float> out) {
    inputs.visit([&](auto base, const auto& models) { combine(models, base, coefficients, out); });
  };
  return {.unit = 1, .buffers = 0, .takes_bfloat16 = true, .merge = merge};
}

BlockMerge combine_each_run(const TensorMerge& task, std::size_t length, FindCoefficients find) {
  const auto merge = [length, find = std::move(find)](const InputBlock& inputs,
                                                      std::span<float> out) {
    for (std::size_t first = 0; first < out.size(); first += length) {
      const Vectors run = part_of(inputs.models, first, length);
      const auto base = inputs.base.empty() ? inputs.base : inputs.base.subspan(first, length);
      combine(run, base, find(gram_matrix(run, base, inputs.buffers)), out.subspan(first, length));
    }
  };
  return {.unit = length, .buffers = task.base.empty() ? 0 : task.models.size(), .merge = merge};
}

}  // namespace vlm
