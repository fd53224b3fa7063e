#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "merge/block_loop.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"

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

// KL(softmax(x), softmax(base)) of each row.
std::vector<double> row_divergences(const TensorMerge& task, ThreadPool& pool) {
  const std::size_t length = row_size(task);
  const Parts parts(elements_of(task), length);
  std::vector<double> divergences(elements_of(task) / length);
  pool.parallel_for(parts.count(), [&](std::size_t part) {
    InputBlockReader reader(task, parts.block_size());
    std::vector<double> p(length);
    std::vector<double> q(length);
    parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
      const InputBlock& rows = reader.read(first, size);
      for (std::size_t done = 0; done < size; done += length) {
        softmax(rows.models.front().subspan(done, length), p);
        softmax(rows.base.subspan(done, length), q);
        double& divergence = divergences[(first + done) / length];
        for (std::size_t i = 0; i < length; ++i) divergence += p[i] * std::log(p[i] / q[i]);
      }
    });
  });
  return divergences;
}

// abs(x - base) times the divergence of the entry's row.
struct Importance {
  std::size_t row_size;
  std::vector<double> divergences;  // [rows]

  void write(const InputBlock& inputs, std::span<float> out) const {
    const std::span<const float> x = inputs.models.front();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double distance = std::fabs(double{x[i]} - double{inputs.base[i]});
      out[i] = static_cast<float>(distance * divergences[(inputs.first + i) / row_size]);
    }
  }
};

Quantity importances(const TensorMerge& task, const Importance& importance) {
  return [&](std::size_t largest) -> ReadBlock {
    const auto reader = std::make_shared<InputBlockReader>(task, largest, BlockNeeds{.buffers = 1});
    return [reader, &importance](std::size_t first, std::size_t size) {
      const InputBlock& inputs = reader->read(first, size);
      importance.write(inputs, inputs.buffers);
      return std::span<const float>(inputs.buffers);
    };
  };
}

// median + 1.5 interquartile range. A quantile is the value at place floor(share (n - 1)) of the
// sorted values.
double threshold_of(const TensorMerge& task, const Importance& importance, ThreadPool& pool) {
  const std::size_t size = elements_of(task);
  std::vector<WantedCut> wanted;
  for (const double share : {0.25, 0.5, 0.75}) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(size - 1));
    wanted.push_back({0, size - place});
  }
  const Quantity quantity = importances(task, importance);
  std::vector<double> quantiles;
  for (const MagnitudeCut& cut : find_cuts(size, {&quantity, 1}, wanted, pool)) {
    quantiles.push_back(double{std::bit_cast<float>(cut.bits)});
  }
  return quantiles[1] + 1.5 * (quantiles[2] - quantiles[0]);
}

BlockMerge start_arcee_fusion(const TensorMerge& task, ThreadPool& pool) {
  const Importance importance{row_size(task), row_divergences(task, pool)};
  const double threshold = elements_of(task) == 0 ? 0 : threshold_of(task, importance, pool);
  const auto merge = [importance, threshold](const InputBlock& inputs, std::span<float> out) {
    const std::span<const float> x = inputs.models.front();
    importance.write(inputs, inputs.buffers);
    for (std::size_t i = 0; i < out.size(); ++i) {
      // Written so that a row with a NaN, which has no importance, is taken from x.
      out[i] = !(double{inputs.buffers[i]} < threshold) ? x[i] : inputs.base[i];
    }
  };
  return {.unit = 1, .buffers = 1, .takes_bfloat16 = false, .merge = merge};
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
          .start = start_arcee_fusion,
          .complaint = nullptr};
}

}  // namespace vlm
