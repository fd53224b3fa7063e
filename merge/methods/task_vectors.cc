#include "merge/methods/task_vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/check.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = 2048;         // elements that are worked on at once, in cache
constexpr double kSmallestL1Norm = 1e-7;     // no rescaling below
constexpr double kSmallestWeightSum = 1e-8;  // counts as 0 without consensus
using Block = std::array<float, kBlock>;

// One model's task vector, made block by block.
struct TaskVector {
  std::span<const float> values;  // [n]
  std::span<const float> base;    // [n]
  BlockFilter filter;
  float rescale = 1;
  float weight = 0;

  // Writes elements [first, first + out.size()) of the sparse, rescaled delta.
  void delta(std::size_t first, std::span<float> out) const {
    subtract(values.subspan(first, out.size()), base.subspan(first, out.size()), out);
    if (filter) filter(first, out);
    if (rescale != 1.0F) scale(out, rescale);
  }
};

// The factor that gives the sparse delta the L1 norm of the full one.
double l1_rescale(const TaskVector& vector) {
  Block buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  double full = 0;
  double kept = 0;
  for (std::size_t first = 0; first < vector.values.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, vector.values.size() - first);
    const std::span<float> block(buffer.data(), count);
    subtract(vector.values.subspan(first, count), vector.base.subspan(first, count), block);
    full += l1_norm(block);
    vector.filter(first, block);
    kept += l1_norm(block);
  }
  return full < kSmallestL1Norm || kept < kSmallestL1Norm ? 1.0 : full / kept;
}

std::vector<TaskVector> make_task_vectors(const TensorMerge& task, const TaskVectorSteps& steps) {
  std::vector<TaskVector> vectors;
  for (const ModelTensor& model : task.models) {
    const auto weight = static_cast<float>(model.parameters.at("weight"));
    if (weight == 0.0F) continue;  // votes for nothing, adds nothing
    TaskVector vector{model.values, task.base, nullptr, 1, weight};
    if (steps.make_filter != nullptr) vector.filter = steps.make_filter(task, model);
    if (vector.filter && task.parameters.at("rescale") == kRescaleL1) {
      vector.rescale = static_cast<float>(l1_rescale(vector));
    }
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

// Elements [first, first + size) of out, without consensus: m = sum p_i, divided by `divisor`.
void merge_block(const std::vector<TaskVector>& vectors, float divisor, std::size_t first,
                 std::span<float> sum) {
  Block buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::span<float> delta(buffer.data(), sum.size());
  std::fill(sum.begin(), sum.end(), 0.0F);
  for (const TaskVector& vector : vectors) {
    vector.delta(first, delta);
    add_scaled(delta, vector.weight, sum);
  }
  if (divisor != 1.0F) divide(sum, divisor);
}

// The same with the consensus of TIES; `products` [models * kBlock] is scratch for the p_i.
void merge_block_by_vote(const std::vector<TaskVector>& vectors, bool normalize, std::size_t first,
                         std::span<float> products, std::span<float> sum) {
  Block total_buffer;    // NOLINT(cppcoreguidelines-pro-type-member-init)
  Block divisor_buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::span<float> total(total_buffer.data(), sum.size());
  const std::span<float> divisor(divisor_buffer.data(), sum.size());
  for (const std::span<float> each : {sum, total, divisor}) {
    std::fill(each.begin(), each.end(), 0.0F);
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::span<float> p = products.subspan(i * kBlock, sum.size());
    vectors[i].delta(first, p);
    scale(p, vectors[i].weight);
    add_scaled(p, 1.0F, total);
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    add_agreeing(products.subspan(i * kBlock, sum.size()), total, vectors[i].weight, sum, divisor);
  }
  if (!normalize) return;
  replace_zeros_by_one(divisor);
  divide(sum, divisor);
}

float divisor_without_vote(const std::vector<TaskVector>& vectors, bool normalize) {
  if (!normalize) return 1;
  double sum = 0;
  for (const TaskVector& vector : vectors) sum += double{vector.weight};
  return std::fabs(sum) < kSmallestWeightSum ? 1.0F : static_cast<float>(sum);
}

// Whether nothing is dropped.
bool are_whole(const std::vector<TaskVector>& vectors) {
  return std::ranges::all_of(vectors, [](const TaskVector& vector) { return !vector.filter; });
}

}  // namespace

void merge_task_vectors(const TensorMerge& task, const TaskVectorSteps& steps,
                        std::span<float> out) {
  check(task.base.size() == out.size(), "merge_task_vectors: a base of the output's size");
  const std::vector<TaskVector> vectors = make_task_vectors(task, steps);
  const bool normalize = task.parameters.at("normalize") != 0;
  const auto lambda = static_cast<float>(task.parameters.at("lambda"));
  const float divisor = divisor_without_vote(vectors, normalize);
  if (steps.consensus == Consensus::kNone && divisor == 1.0F && are_whole(vectors)) {
    std::vector<WeightedModel> models;
    models.reserve(vectors.size());
    for (const TaskVector& vector : vectors) models.push_back({vector.values, vector.weight});
    add_task_vectors(task.base, models, lambda, out);
    return;
  }
  std::vector<float> products(steps.consensus == Consensus::kSum ? vectors.size() * kBlock : 0);
  Block buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (std::size_t first = 0; first < out.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, out.size() - first);
    const std::span<float> sum(buffer.data(), count);
    if (steps.consensus == Consensus::kSum) {
      merge_block_by_vote(vectors, normalize, first, products, sum);
    } else {
      merge_block(vectors, divisor, first, sum);
    }
    add_to_base(task.base.subspan(first, count), sum, lambda, out.subspan(first, count));
  }
}

void drop_all(std::size_t /*first*/, std::span<float> block) {
  std::fill(block.begin(), block.end(), 0.0F);
}

DeltaRanks::DeltaRanks(const TensorMerge& task, const ModelTensor& model)
    : values_(model.values), base_(task.base) {
  if (!model.remember) return;
  ranking_ = model.remember("magnitude ranking", values_.size(),
                            [this] { return rank_magnitudes(values_, base_); });
}

MagnitudeCut DeltaRanks::cut(std::size_t k) const {
  if (ranking_ == nullptr) return find_magnitude_cut(values_, base_, k);
  return find_magnitude_cut(values_, base_, *ranking_, k);
}

std::vector<ParameterSpec> task_vector_parameters(TaskVectorDefaults defaults) {
  const std::string rescale = "give a sparse delta the L1 norm of the full one";
  return {
      weight_parameter(),
      number_in("density", ParameterScope::kPerModel, {0, 1}, 1, "share of the delta that is kept"),
      any_number("lambda", ParameterScope::kGlobal, 1, "factor of the combined delta"),
      flag("normalize", defaults.normalize, "divide by the sum of the weights that count"),
      defaults.offers_inverse
          ? choice("rescale", {"false", "true", "inverse"},
                   rescale + "; inverse: divide each kept entry by its probability to be kept",
                   defaults.rescale ? 1 : 0)
          : flag("rescale", defaults.rescale, rescale),
      int8_mask_parameter()};
}

}  // namespace vlm
