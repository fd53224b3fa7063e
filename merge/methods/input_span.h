#pragma once

// Methods whose result is one linear combination of the inputs (or of their deltas from the base),
// found from inner products alone: see merge/kernels/gram.h.

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/finite.h"
#include "merge/kernels/gram.h"

namespace vlm {

// The inner products of all models of a task, or of their differences from the base if there is
// one.
GramMatrix gram_of(const TensorMerge& task, ThreadPool& pool);

// `combine` as a merge whose result is infinite or NaN wherever an input is so that counts: inputs
// are looked at only then, and before if not `all_count`.
template <typename Combine>
BlockMerge combination(bool all_count, Combine combine) {
  const auto merge = [all_count, combine = std::move(combine)](const InputBlock& inputs,
                                                               std::span<float> out) {
    combine(inputs, out);
    if (all_count && find_non_finite(out)) inputs.require_finite();  // it may be more than large
  };
  return {.unit = 1,
          .buffers = 0,
          .takes_bfloat16 = true,
          .finds_non_finite = all_count,
          .merge = merge};
}

// out = sum_i c_i x_i, or base + sum_i c_i (x_i - base) if there is a base.
BlockMerge combine_models(std::vector<double> coefficients);

// Where each run of `length` elements (a row) is a vector of its own: `find` returns the
// coefficients that follow from a run's inner products. REQUIRES: runs of one length > 0.
using FindCoefficients = std::function<std::vector<double>(const GramMatrix& gram)>;
BlockMerge combine_each_run(std::size_t length, FindCoefficients find);

}  // namespace vlm
