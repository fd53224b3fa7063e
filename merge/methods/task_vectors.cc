#include "merge/methods/task_vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/check.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestL1Norm = 1e-7;     // no rescaling below
constexpr double kSmallestWeightSum = 1e-8;  // counts as 0 without consensus
constexpr std::size_t kMostModels = 64;

// One model's task vector, made block by block.
struct TaskVector {
  std::size_t model = 0;  // index into TensorMerge::models
  BlockFilter filter;
  float rescale = 1;
  float weight = 0;

  // Writes the sparse, rescaled delta of a block.
  void delta(const InputBlock& inputs, std::span<float> out) const {
    subtract(inputs.models[model], inputs.base, out);
    if (filter) filter(inputs.first, out);
    if (rescale != 1.0F) scale(out, rescale);
  }
};

// L1 norms of a delta before and after its filter.
struct L1Norms {
  double full = 0;
  double kept = 0;

  // What gives the sparse delta the norm of the full one.
  [[nodiscard]] double rescale() const {
    return full < kSmallestL1Norm || kept < kSmallestL1Norm ? 1.0 : full / kept;
  }
};

void rescale_to_l1(const TensorMerge& task, std::size_t unit, std::vector<TaskVector>& vectors,
                   ThreadPool& pool) {
  const Parts parts(elements_of(task), unit);
  std::vector<L1Norms> norms(parts.count() * vectors.size());
  // Vectors of one part follow each other: the base's part is then in the cache.
  pool.parallel_for(norms.size(), [&](std::size_t item) {
    const TaskVector& vector = vectors[item % vectors.size()];
    if (!vector.filter) return;
    for_each_delta_block(task, vector.model, parts, item / vectors.size(),
                         [&](std::size_t first, std::span<float> delta) {
                           norms[item].full += l1_norm(delta);
                           vector.filter(first, delta);
                           norms[item].kept += l1_norm(delta);
                         });
  });
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    L1Norms sum;
    for (std::size_t item = i; item < norms.size(); item += vectors.size()) {
      sum.full += norms[item].full;
      sum.kept += norms[item].kept;
    }
    vectors[i].rescale = static_cast<float>(sum.rescale());
  }
}

// Whether nothing is dropped.
bool are_whole(const std::vector<TaskVector>& vectors) {
  return std::ranges::all_of(vectors, [](const TaskVector& vector) { return !vector.filter; });
}

// Everything that blocks are merged by.
struct Combination {
  std::vector<TaskVector> vectors;
  Consensus consensus = Consensus::kNone;
  bool normalize = false;
  float divisor = 1;  // without consensus
};

// Without consensus: m = sum p_i, divided by the divisor.
void sum_up(const Combination& combination, const InputBlock& inputs, std::span<float> delta,
            std::span<float> sum) {
  std::fill(sum.begin(), sum.end(), 0.0F);
  for (const TaskVector& vector : combination.vectors) {
    vector.delta(inputs, delta);
    add_scaled(delta, vector.weight, sum);
  }
  if (combination.divisor != 1.0F) divide(sum, combination.divisor);
}

// The same with the consensus of TIES. `buffers` has room for all p_i and two blocks more.
void sum_up_by_vote(const Combination& combination, const InputBlock& inputs,
                    std::span<float> buffers, std::span<float> sum) {
  const std::size_t size = inputs.size;
  const std::vector<TaskVector>& vectors = combination.vectors;
  const std::span<float> total = buffers.subspan(vectors.size() * size, size);
  const std::span<float> divisor = buffers.subspan((vectors.size() + 1) * size, size);
  for (const std::span<float> each : {sum, total, divisor}) {
    std::fill(each.begin(), each.end(), 0.0F);
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::span<float> p = buffers.subspan(i * size, size);
    vectors[i].delta(inputs, p);
    scale(p, vectors[i].weight);
    add_scaled(p, 1.0F, total);
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    add_agreeing(buffers.subspan(i * size, size), total, vectors[i].weight, sum, divisor);
  }
  if (!combination.normalize) return;
  replace_zeros_by_one(divisor);
  divide(sum, divisor);
}

float divisor_without_vote(const std::vector<TaskVector>& vectors, bool normalize) {
  if (!normalize) return 1;
  double sum = 0;
  for (const TaskVector& vector : vectors) sum += double{vector.weight};
  return std::fabs(sum) < kSmallestWeightSum ? 1.0F : static_cast<float>(sum);
}

// Nothing is dropped, nobody votes: one pass over the inputs.
BlockMerge merge_whole_deltas(const std::vector<TaskVector>& vectors, float lambda) {
  const auto merge = [vectors, lambda](const InputBlock& inputs, std::span<float> out) {
    std::array<WeightedModel, kMostModels> models;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      models[i] = {inputs.models[vectors[i].model], vectors[i].weight};
    }
    add_task_vectors(inputs.base, std::span(models).first(vectors.size()), lambda, out);
  };
  return {.unit = 1, .buffers = 0, .merge = merge};
}

BlockMerge start(const TensorMerge& task, const TaskVectorSteps& steps, ThreadPool& pool) {
  check(task.models.size() <= kMostModels, "task vectors: at most 64 models");
  DeltaFilters filters;
  if (steps.make_filters) filters = steps.make_filters(task, pool);
  filters.of_models.resize(task.models.size());
  std::vector<TaskVector> vectors;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    if (!has_weight(task.models[i])) continue;
    const auto weight = static_cast<float>(task.models[i].parameters.at("weight"));
    vectors.push_back({i, std::move(filters.of_models[i]), 1, weight});
  }
  if (!are_whole(vectors) && task.parameters.at("rescale") == kRescaleL1) {
    rescale_to_l1(task, filters.unit, vectors, pool);
  }
  const bool normalize = task.parameters.at("normalize") != 0;
  const auto lambda = static_cast<float>(task.parameters.at("lambda"));
  const float divisor = divisor_without_vote(vectors, normalize);
  if (steps.consensus == Consensus::kNone && divisor == 1.0F && are_whole(vectors)) {
    return merge_whole_deltas(vectors, lambda);
  }
  const std::size_t num_buffers = vectors.size() + 3;
  const Combination combination{std::move(vectors), steps.consensus, normalize, divisor};
  const auto merge = [combination, lambda](const InputBlock& inputs, std::span<float> out) {
    const std::span<float> sum = inputs.buffers.last(inputs.size);
    const std::span<float> others = inputs.buffers.first(inputs.buffers.size() - inputs.size);
    if (combination.consensus == Consensus::kSum) {
      sum_up_by_vote(combination, inputs, others, sum);
    } else {
      sum_up(combination, inputs, others.first(inputs.size), sum);
    }
    add_to_base(inputs.base, sum, lambda, out);
  };
  return {.unit = filters.unit, .buffers = num_buffers, .merge = merge};
}

}  // namespace

StartMerge start_task_vectors(const TaskVectorSteps& steps) {
  return [steps](const TensorMerge& task, ThreadPool& pool) { return start(task, steps, pool); };
}

void drop_all(std::size_t /*first*/, std::span<float> block) {
  std::fill(block.begin(), block.end(), 0.0F);
}

bool has_weight(const ModelTensor& model) {
  return static_cast<float>(model.parameters.at("weight")) != 0.0F;
}

DeltaFilters filter_each(const TensorMerge& task, std::size_t unit, const MakeFilter& make_filter) {
  DeltaFilters filters{.of_models = {}, .unit = unit};
  for (const ModelTensor& model : task.models) {
    filters.of_models.push_back(has_weight(model) ? make_filter(task, model) : nullptr);
  }
  return filters;
}

std::size_t row_size(const TensorMerge& task) {
  return task.shape.empty() ? 1 : std::max<std::size_t>(task.shape.back(), 1);
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
