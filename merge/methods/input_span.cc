#include "merge/methods/input_span.h"

#include <utility>

namespace vlm {

GramMatrix gram_of(const TensorMerge& task, ThreadPool& pool) {
  std::vector<GramMatrix> parts(Parts(elements_of(task)).count(), GramMatrix(task.models.size()));
  const auto add_block = [&](std::size_t part, const InputBlock& block) {
    block.visit([&](auto base, const auto& models) { parts[part].add(gram_matrix(models, base)); });
  };
  for_each_block(task, {.buffers = 0, .takes_bfloat16 = true}, pool, add_block);
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

BlockMerge combine_each_run(std::size_t length, FindCoefficients find) {
  const auto merge = [length, find = std::move(find)](const InputBlock& inputs,
                                                      std::span<float> out) {
    inputs.visit([&](auto all_base, const auto& models) {
      for (std::size_t first = 0; first < out.size(); first += length) {
        const auto run = part_of(models, first, length);
        const auto base = all_base.empty() ? all_base : all_base.subspan(first, length);
        combine(run, base, find(gram_matrix(run, base)), out.subspan(first, length));
      }
    });
  };
  return {.unit = length, .buffers = 0, .takes_bfloat16 = true, .merge = merge};
}

}  // namespace vlm
