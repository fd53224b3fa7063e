#include "merge/methods/task_vectors.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "core/check.h"
#include "merge/block_loop.h"
#include "merge/kernels/delta_sums.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vector.h"

namespace vlm {
namespace {

constexpr double kSmallestL1Norm = 1e-7;  // no rescaling below

// What gives a sparse delta the norm of the full one.
double rescale_of(const L1Norms& norms) {
  const bool is_none = norms.all < kSmallestL1Norm || norms.kept < kSmallestL1Norm;
  return is_none ? 1.0 : norms.all / norms.kept;
}

bool keeps_all(const TaskVector& vector) {
  return std::holds_alternative<KeepAll>(vector.filter);
}

// What filters keep is remembered of so many deltas, if they take no more.
constexpr std::size_t kMostKept = 16;
constexpr std::size_t kMostKeptBytes = std::size_t{1} << 28U;

bool remembers_kept(const TensorMerge& task, std::size_t unit, std::size_t num_vectors) {
  const std::size_t bytes = KeptEntries::size_bytes(elements_of(task), unit);
  return num_vectors <= kMostKept && bytes * num_vectors <= kMostKeptBytes;
}

L1Norms norms_of_part(const TensorMerge& task, const TaskVector& vector, const Parts& parts,
                      std::size_t part) {
  DeltaReader reader(task, vector.model, parts.block_size());
  L1Norms norms;
  parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
    BlockMemory memory;
    const KeptBlock block = look_at_block(vector, reader, first, size, memory);
    L1Norms of_block;
    reader.visit(first, size, [&](auto base, auto values) {
      for_each_piece({&block, 1}, first, size, [&](std::size_t begin, std::size_t count) {
        of_block += l1_norms(base.subspan(begin - first, count),
                             values.subspan(begin - first, count), block.at(begin).rule);
      });
    });
    if (!of_block.are_small) reader.require_finite(first, size);
    norms += of_block;
  });
  return norms;
}

// Filters that are dear are asked once: afterwards it is known what they kept.
void rescale_to_l1(const TensorMerge& task, std::size_t unit, std::vector<TaskVector>& vectors,
                   ThreadPool& pool) {
  const Parts parts(elements_of(task), unit);
  std::vector<L1Norms> norms(parts.count() * vectors.size());
  if (remembers_kept(task, unit, vectors.size())) {
    for (TaskVector& vector : vectors) {
      const bool is_dear = std::holds_alternative<KeepByMark>(vector.filter) ||
                           std::holds_alternative<KeepByBlock>(vector.filter);
      if (is_dear) vector.kept = std::make_shared<KeptEntries>(elements_of(task), unit);
    }
  }
  // Vectors of one part follow each other: the base's part is then in the cache.
  pool.parallel_for(norms.size(), [&](std::size_t item) {
    const TaskVector& vector = vectors[item % vectors.size()];
    if (keeps_all(vector)) return;
    norms[item] = norms_of_part(task, vector, parts, item / vectors.size());
  });
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    L1Norms sum;
    for (std::size_t item = i; item < norms.size(); item += vectors.size()) sum += norms[item];
    vectors[i].rescale = static_cast<float>(rescale_of(sum));
  }
}

// Everything that blocks are merged by.
struct Combination {
  std::vector<TaskVector> vectors;
  Consensus consensus = Consensus::kNone;
  bool normalize = false;
  float divisor = 1;  // without consensus
  float lambda = 1;

  // How many deltas have to be made before they are filtered.
  [[nodiscard]] std::size_t count_made() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        vectors, [](const TaskVector& vector) { return vector.by_block() != nullptr; }));
  }

  // Returns whether all differences are small.
  template <typename Value>
  [[nodiscard]] bool add(std::span<const Value> base, std::span<const WeightedDelta<Value>> deltas,
                         std::span<float> out) const {
    return consensus == Consensus::kSum ? add_agreeing_deltas(base, deltas, normalize, lambda, out)
                                        : add_deltas(base, deltas, divisor, lambda, out);
  }

  // Makes the deltas of filters that take them, in the block's buffers; others stay empty.
  template <typename Value>
  void make_deltas(const InputBlock& inputs, std::span<const Value> base,
                   const std::vector<std::span<const Value>>& models,
                   std::span<std::span<const float>> made) const {
    std::span<float> buffers = inputs.buffers;
    if (!buffers.empty()) inputs.require_finite();  // filters do not tell
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      const KeepByBlock* const by_block = vectors[i].by_block();
      if (by_block == nullptr) continue;
      const std::span<float> delta = buffers.first(inputs.size);
      buffers = buffers.subspan(inputs.size);
      subtract(models[vectors[i].model], base, delta);
      by_block->filter(inputs.first, delta);
      made[i] = delta;
    }
  }

  template <typename Value>
  void merge(const InputBlock& inputs, std::span<const Value> base,
             const std::vector<std::span<const Value>>& models, std::span<float> out) const {
    BlockMemory memory;
    const auto made = memory.make<std::span<const float>>(vectors.size());
    const auto blocks = memory.make<KeptBlock>(vectors.size());
    const auto deltas = memory.make<WeightedDelta<Value>>(vectors.size());
    make_deltas(inputs, base, models, made);
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      blocks[i] = make_kept_block(vectors[i], inputs.first, inputs.size, memory);
    }
    bool are_small = true;
    for_each_piece(blocks, inputs.first, inputs.size, [&](std::size_t begin, std::size_t count) {
      const std::size_t done = begin - inputs.first;
      for (std::size_t i = 0; i < vectors.size(); ++i) {
        deltas[i] = {models[vectors[i].model].subspan(done, count),
                     made[i].empty() ? made[i] : made[i].subspan(done, count),
                     blocks[i].at(begin).rule, vectors[i].rescale, vectors[i].weight};
      }
      const bool small = add<Value>(base.subspan(done, count), deltas, out.subspan(done, count));
      are_small = are_small && small;
    });
    const bool are_all_seen = vectors.size() == models.size();  // none is without weight
    if (!are_small || !are_all_seen) inputs.require_finite();   // it may be more than large
  }
};

float divisor_without_vote(const std::vector<TaskVector>& vectors, bool normalize) {
  if (!normalize) return 1;
  double sum = 0;
  for (const TaskVector& vector : vectors) sum += double{vector.weight};
  return std::fabs(sum) < kSmallestDivisor ? 1.0F : static_cast<float>(sum);
}

float factor_of(const DeltaFilter& filter) {
  const auto* const by_mark = std::get_if<KeepByMark>(&filter);
  return by_mark == nullptr ? 1.0F : by_mark->factor;
}

BlockMerge start(const TensorMerge& task, const TaskVectorSteps& steps, ThreadPool& pool) {
  check(task.models.size() <= kMostDeltas, "task vectors: at most 64 models");
  DeltaFilters filters;
  if (steps.make_filters) filters = steps.make_filters(task, pool);
  filters.of_models.resize(task.models.size());
  std::vector<TaskVector> vectors;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    if (!has_weight(task.models[i])) continue;
    const auto weight = static_cast<float>(task.models[i].parameters.at("weight"));
    const float factor = factor_of(filters.of_models[i]);
    vectors.push_back({i, std::move(filters.of_models[i]), nullptr, factor, weight});
  }
  if (!std::ranges::all_of(vectors, keeps_all) && task.parameters.at("rescale") == kRescaleL1) {
    rescale_to_l1(task, filters.unit, vectors, pool);
  }
  const bool normalize = task.parameters.at("normalize") != 0;
  const auto lambda = static_cast<float>(task.parameters.at("lambda"));
  const float divisor = divisor_without_vote(vectors, normalize);
  const Combination combination{std::move(vectors), steps.consensus, normalize, divisor, lambda};
  const std::size_t num_buffers = combination.count_made();
  const auto merge = [combination](const InputBlock& inputs, std::span<float> out) {
    inputs.visit(
        [&](auto base, const auto& models) { combination.merge(inputs, base, models, out); });
  };
  return {.unit = filters.unit,
          .buffers = num_buffers,
          .takes_bfloat16 = true,
          .finds_non_finite = true,
          .merge = merge};
}

}  // namespace

StartMerge start_task_vectors(const TaskVectorSteps& steps) {
  return [steps](const TensorMerge& task, ThreadPool& pool) { return start(task, steps, pool); };
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
