#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "core/check.h"
#include "merge/block_loop.h"
#include "merge/kernels/competition.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/delta_buffers.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "tensor/bfloat16_values.h"

namespace vlm {
namespace {

constexpr std::size_t kMostModels = 64;
using Ranges = std::vector<MagnitudeRange>;  // of the models

// The models' deltas, their sum, scores of each.
class PcbBuffers : public DeltaBuffers {
 public:
  explicit PcbBuffers(const InputBlock& inputs)
      : DeltaBuffers(inputs, (inputs.buffers.size() / inputs.size - 1) / 2) {}

  static BlockNeeds needs(const TensorMerge& task) {
    return DeltaBuffers::needs(task, task.models.size() + 1);
  }

  [[nodiscard]] std::span<float> total() const { return further(0); }
  [[nodiscard]] std::span<float> scores(std::size_t model) const { return further(1 + model); }

  void make_deltas_and_total(const InputBlock& inputs) const {
    make_deltas(inputs);
    std::ranges::fill(total(), 0.0F);
    for (std::size_t i = 0; i < num_models(); ++i) add_scaled(delta(i), 1.0F, total());
  }
};

// Looks at something of each model, over all blocks: look(inputs, buffers, model).
template <typename Look>
Ranges find_ranges(const TensorMerge& task, ThreadPool& pool, const Look& look) {
  const std::size_t num_models = task.models.size();
  std::vector<Ranges> parts(Parts(elements_of(task)).count(), Ranges(num_models));
  for_each_block(task, PcbBuffers::needs(task), pool,
                 [&](std::size_t part, const InputBlock& inputs) {
                   const PcbBuffers buffers(inputs);
                   buffers.make_deltas_and_total(inputs);
                   for (std::size_t i = 0; i < num_models; ++i) {
                     parts[part][i].add(look(inputs, buffers, i));
                   }
                 });
  Ranges ranges(num_models);
  for (const Ranges& part : parts) {
    for (std::size_t i = 0; i < num_models; ++i) ranges[i].add(part[i]);
  }
  return ranges;
}

// Du et al., section 3: parameters compete within a model and between models. Differences here:
// norms and shares are those of a tensor, not of the whole model, and the few smallest and largest
// entries are not clipped.
class PcbMerge {
 public:
  PcbMerge(const TensorMerge& task, ThreadPool& pool)
      : deltas_(
            find_ranges(task, pool,
                        [](const InputBlock& /*inputs*/, const PcbBuffers& buffers,
                           std::size_t model) { return magnitude_range(buffers.delta(model)); })) {
    find_cuts_of_scores(task, pool);
    scores_ = find_ranges(
        task, pool, [&](const InputBlock& inputs, const PcbBuffers& buffers, std::size_t model) {
          make_kept_scores(inputs.first, buffers, model);
          return magnitude_range(buffers.scores(model));
        });
    for (const ModelTensor& model : task.models) weights_.push_back(model.parameters.at("weight"));
    lambda_ = task.parameters.at("lambda");
  }

  void merge(const InputBlock& inputs, std::span<float> out) const {
    const PcbBuffers buffers(inputs);
    buffers.make_deltas_and_total(inputs);
    std::array<Competitor, kMostModels> memory;
    const std::span<Competitor> models = std::span(memory).first(weights_.size());
    for (std::size_t i = 0; i < models.size(); ++i) {
      make_kept_scores(inputs.first, buffers, i);
      models[i] = {buffers.delta(i), buffers.scores(i), scores_[i], weights_[i]};
    }
    if (inputs.is_bfloat16) {
      // The sum of the deltas is no longer needed.
      read_bfloat16(std::as_bytes(inputs.bfloat16_base), buffers.total());
      add_competing_deltas(buffers.total(), models, lambda_, out);
    } else {
      add_competing_deltas(inputs.base, models, lambda_, out);
    }
  }

 private:
  // beta = exp(N norm(|d|)^2) tanh(d sum_j d_j), norm: from the smallest to the largest |d| as 0 to
  // 1. Not above 0: the other models contradict the entry, and it is not kept.
  void make_scores(const PcbBuffers& buffers, std::size_t model) const {
    competition_scores(buffers.delta(model), buffers.total(), buffers.num_models(), deltas_[model],
                       buffers.scores(model));
  }

  // The `density` largest scores; 0 for the others.
  void make_kept_scores(std::size_t first, const PcbBuffers& buffers, std::size_t model) const {
    const std::span<float> scores = buffers.scores(model);
    if (cuts_[model]) {
      make_scores(buffers, model);
      keep_largest(*cuts_[model], first, scores);
    } else {
      std::ranges::fill(scores, 0.0F);
    }
  }

  [[nodiscard]] Quantity scores_of(const TensorMerge& task, std::size_t model) const {
    return [this, &task, model](std::size_t largest) -> ReadBlock {
      const auto reader =
          std::make_shared<InputBlockReader>(task, largest, PcbBuffers::needs(task));
      return [this, reader, model](std::size_t first, std::size_t size) {
        const InputBlock& inputs = reader->read(first, size);
        const PcbBuffers buffers(inputs);
        buffers.make_deltas_and_total(inputs);
        make_scores(buffers, model);
        return std::span<const float>(buffers.scores(model));
      };
    };
  }

  void find_cuts_of_scores(const TensorMerge& task, ThreadPool& pool) {
    const auto size = static_cast<double>(elements_of(task));
    std::vector<Quantity> quantities;
    std::vector<WantedCut> wanted;
    for (std::size_t i = 0; i < task.models.size(); ++i) {
      quantities.push_back(scores_of(task, i));
      const auto k = static_cast<std::size_t>(task.models[i].parameters.at("density") * size);
      if (k > 0) wanted.push_back({i, k});
    }
    const std::vector<MagnitudeCut> found = find_cuts(elements_of(task), quantities, wanted, pool);
    cuts_.resize(task.models.size());
    for (std::size_t i = 0; i < found.size(); ++i) cuts_[wanted[i].quantity] = found[i];
  }

  Ranges deltas_;
  std::vector<std::optional<MagnitudeCut>> cuts_;  // of the scores; absent: none is kept
  Ranges scores_;                                  // of those that are kept
  std::vector<double> weights_;
  double lambda_ = 1;
};

BlockMerge start_pcb(const TensorMerge& task, ThreadPool& pool) {
  check(task.models.size() <= kMostModels, "pcb: at most 64 models");
  const auto pcb = std::make_shared<const PcbMerge>(task, pool);
  const auto merge = [pcb](const InputBlock& inputs, std::span<float> out) {
    pcb->merge(inputs, out);
  };
  const BlockNeeds needs = PcbBuffers::needs(task);
  return {
      .unit = 1, .buffers = needs.buffers, .takes_bfloat16 = needs.takes_bfloat16, .merge = merge};
}

}  // namespace

MergeMethod pcb_method() {
  return {
      .name = "pcb",
      .paper =
          "Du et al., NeurIPS 2024, \"Parameter competition balancing for model merging\" "
          "(arXiv:2410.02396), section 3, by tensor",
      .formula =
          "base + lambda sum_i w_i b_i d_i / sum_i b_i; b_i: the largest entries of exp(N a_i^2) "
          "tanh(d_i sum_j d_j), spread from 0 to 1; a_i: abs(d_i), spread from 0 to 1; N models",
      .base = BaseRole::kRequired,
      .min_models = 1,
      .max_models = 64,
      .parameters = {any_number("weight", ParameterScope::kPerModel, 1, "factor of the model"),
                     number_in("density", ParameterScope::kPerModel, {0, 1}, 0.1,
                               "share of the entries that compete"),
                     any_number("lambda", ParameterScope::kGlobal, 1,
                                "factor of the combined delta")},
      .start = start_pcb,
      .complaint = nullptr};
}

}  // namespace vlm
