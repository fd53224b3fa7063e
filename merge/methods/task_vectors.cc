#include "merge/methods/task_vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/check.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/reduce.h"
#include "merge/kernels/weighted_sums.h"
#include "merge/methods/kept_entries.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

constexpr double kSmallestL1Norm = 1e-7;  // no rescaling below
constexpr std::size_t kMostModels = 64;

// One model's task vector, made block by block.
struct TaskVector {
  std::size_t model = 0;  // index into TensorMerge::models
  BlockFilter filter;
  float rescale = 1;
  float weight = 0;

  // Writes the sparse delta of a block.
  void delta(const InputBlock& inputs, std::span<float> out) const {
    inputs.visit([&](auto base, const auto& models) { subtract(models[model], base, out); });
    if (filter) filter(inputs.first, out);
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

// What filters keep is remembered of so many deltas, if they take no more.
constexpr std::size_t kMostKept = 16;
constexpr std::size_t kMostKeptBytes = std::size_t{1} << 28U;

bool remembers_kept(const TensorMerge& task, std::size_t unit, std::size_t num_vectors) {
  const std::size_t bytes = KeptEntries::size_bytes(elements_of(task), unit);
  return num_vectors <= kMostKept && bytes * num_vectors <= kMostKeptBytes;
}

// Filters that are dear are asked once: afterwards they know what they kept.
void rescale_to_l1(const TensorMerge& task, std::size_t unit, std::vector<TaskVector>& vectors,
                   ThreadPool& pool) {
  const Parts parts(elements_of(task), unit);
  std::vector<L1Norms> norms(parts.count() * vectors.size());
  std::vector<std::shared_ptr<KeptEntries>> kept(vectors.size());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (!vectors[i].filter || !remembers_kept(task, unit, vectors.size())) continue;
    kept[i] = std::make_shared<KeptEntries>(elements_of(task), unit);
  }
  // Vectors of one part follow each other: the base's part is then in the cache.
  pool.parallel_for(norms.size(), [&](std::size_t item) {
    const std::size_t index = item % vectors.size();
    const TaskVector& vector = vectors[index];
    if (!vector.filter) return;
    for_each_delta_block(task, vector.model, parts, item / vectors.size(),
                         [&](std::size_t first, std::span<float> delta) {
                           norms[item].full += l1_norm(delta);
                           vector.filter(first, delta);
                           norms[item].kept += l1_norm(delta);
                           if (kept[index] != nullptr) kept[index]->mark(first, delta);
                         });
  });
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    L1Norms sum;
    for (std::size_t item = i; item < norms.size(); item += vectors.size()) {
      sum.full += norms[item].full;
      sum.kept += norms[item].kept;
    }
    vectors[i].rescale = static_cast<float>(sum.rescale());
    if (kept[i] == nullptr) continue;
    vectors[i].filter = [entries = kept[i]](std::size_t first, std::span<float> block) {
      entries->keep(first, block);
    };
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
  float lambda = 1;

  template <typename Value>
  void merge(std::span<const Value> base, std::span<const SparseDelta> deltas,
             std::span<float> out) const {
    if (consensus == Consensus::kSum) {
      add_agreeing_deltas(base, deltas, normalize, lambda, out);
    } else {
      add_sparse_deltas(base, deltas, divisor, lambda, out);
    }
  }

  void merge(const InputBlock& inputs, std::span<float> out) const {
    std::array<SparseDelta, kMostModels> memory;
    const std::span<SparseDelta> deltas = std::span(memory).first(vectors.size());
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      const std::span<float> delta = inputs.buffers.subspan(i * inputs.size, inputs.size);
      vectors[i].delta(inputs, delta);
      deltas[i] = {delta, vectors[i].rescale, vectors[i].weight};
    }
    inputs.visit([&](auto base, const auto& /*models*/) { merge(base, deltas, out); });
  }
};

float divisor_without_vote(const std::vector<TaskVector>& vectors, bool normalize) {
  if (!normalize) return 1;
  double sum = 0;
  for (const TaskVector& vector : vectors) sum += double{vector.weight};
  return std::fabs(sum) < kSmallestDivisor ? 1.0F : static_cast<float>(sum);
}

template <typename Value>
void merge_whole(const std::vector<TaskVector>& vectors, std::span<const Value> base,
                 const std::vector<std::span<const Value>>& inputs, float lambda,
                 std::span<float> out) {
  std::array<Weighted<Value>, kMostModels> models;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    models[i] = {inputs[vectors[i].model], vectors[i].weight};
  }
  add_task_vectors(base, std::span(models).first(vectors.size()), lambda, out);
}

// Nothing is dropped, nobody votes: one pass over the inputs.
BlockMerge merge_whole_deltas(const std::vector<TaskVector>& vectors, float lambda) {
  const auto merge = [vectors, lambda](const InputBlock& inputs, std::span<float> out) {
    inputs.visit(
        [&](auto base, const auto& models) { merge_whole(vectors, base, models, lambda, out); });
  };
  return {.unit = 1, .buffers = 0, .takes_bfloat16 = true, .merge = merge};
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
  const std::size_t num_buffers = vectors.size();
  const Combination combination{std::move(vectors), steps.consensus, normalize, divisor, lambda};
  const auto merge = [combination](const InputBlock& inputs, std::span<float> out) {
    combination.merge(inputs, out);
  };
  return {.unit = filters.unit, .buffers = num_buffers, .takes_bfloat16 = true, .merge = merge};
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
