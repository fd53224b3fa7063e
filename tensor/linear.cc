#include "tensor/linear.h"

#include "tensor/gemm.h"
#include "tensor/row_ranges.h"

namespace vlm {

bool has_shape(const LinearWeights& linear, std::size_t out, std::size_t in, bool biased) noexcept {
  return linear.weight != nullptr && linear.weight->rows() == out && linear.weight->cols() == in &&
         linear.bias.size() == (biased ? out : 0);
}

void apply_linear(MatrixView<const float> x, const LinearWeights& linear, MatrixView<float> out,
                  ThreadPool& pool) {
  linear.weight->multiply(x, out, pool);
  if (linear.bias.empty()) return;
  for_row_ranges(out, pool, [&](std::size_t first, std::size_t count) {
    add_bias(out.rows(first, count), linear.bias);
  });
}

}  // namespace vlm
