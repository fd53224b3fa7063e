#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/magnitude.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kFloor = 1e-8;  // added to probabilities; mergekit's

// softmax(x) + kFloor, in double: the divergence of near-equal rows cancels in float32.
void softmax(std::span<const float> x, std::vector<double>& out) {
  const auto largest = double{*std::max_element(x.begin(), x.end())};
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = std::exp(double{x[i]} - largest);
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& each : out) each = each / sum + kFloor;
}

// abs(x - base) KL(softmax(x), softmax(base)), the divergence of the entry's row.
std::vector<float> importances(std::span<const float> x, std::span<const float> base,
                               std::size_t row_size) {
  std::vector<float> importance(x.size());
  std::vector<double> p(row_size);
  std::vector<double> q(row_size);
  for (std::size_t first = 0; first < x.size(); first += row_size) {
    softmax(x.subspan(first, row_size), p);
    softmax(base.subspan(first, row_size), q);
    double divergence = 0;
    for (std::size_t i = 0; i < row_size; ++i) divergence += p[i] * std::log(p[i] / q[i]);
    for (std::size_t i = first; i < first + row_size; ++i) {
      const double distance = std::fabs(double{x[i]} - double{base[i]});
      importance[i] = static_cast<float>(distance * divergence);
    }
  }
  return importance;
}

// The value at place floor(share (n - 1)) of the sorted values, by magnitude.
double quantile(std::span<const float> values, double share) {
  const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  const MagnitudeCut cut = find_magnitude_cut(values, {}, values.size() - place);
  return double{std::bit_cast<float>(cut.bits)};
}

void merge_arcee_fusion(const TensorMerge& task, std::span<float> out) {
  if (out.empty()) return;
  const std::span<const float> x = task.models.front().values.in_memory();
  const std::span<const float> base = task.base.in_memory();
  const std::vector<float> importance =
      importances(x, base, task.shape.empty() ? 1 : task.shape.back());
  const double spread = quantile(importance, 0.75) - quantile(importance, 0.25);
  const double threshold = quantile(importance, 0.5) + 1.5 * spread;
  for (std::size_t i = 0; i < out.size(); ++i) {
    // Written so that a row with a NaN, which has no importance, is taken from x.
    out[i] = !(double{importance[i]} < threshold) ? x[i] : base[i];
  }
}

}  // namespace

MergeMethod arcee_fusion_method() {
  return {.name = "arcee_fusion",
          .paper = "Goddard et al. 2024, \"Arcee's MergeKit\" (Arcee Fusion)",
          .formula =
              "x where abs(d) KL(softmax(x), softmax(base)), softmax and KL of the row, is at "
              "least median + 1.5 interquartile range, else base",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 1,
          .parameters = {int8_mask_parameter()},
          .start = start_whole(merge_arcee_fusion),
          .complaint = nullptr};
}

}  // namespace vlm
