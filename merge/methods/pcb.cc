#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "merge/block_loop.h"
#include "merge/kernels/competition.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/delta_buffers.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/whole_model.h"
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

// How the models compete in a tensor.
struct Competition {
  Ranges deltas;
  std::vector<std::optional<MagnitudeCut>> cuts;  // of the scores; absent: none is kept
  Ranges scores;                                  // of those that are kept

  // beta = exp(N norm(|d|)^2) tanh(d sum_j d_j), norm: from the smallest to the largest |d| as 0 to
  // 1. Not above 0: the other models contradict the entry, and it is not kept.
  void make_scores(const PcbBuffers& buffers, std::size_t model) const {
    competition_scores(buffers.delta(model), buffers.total(), buffers.num_models(), deltas[model],
                       buffers.scores(model));
  }

  // The `density` largest scores; 0 for the others.
  void make_kept_scores(std::size_t first, const PcbBuffers& buffers, std::size_t model) const {
    const std::span<float> scores_of_model = buffers.scores(model);
    if (cuts[model]) {
      make_scores(buffers, model);
      keep_largest(*cuts[model], first, scores_of_model);
    } else {
      std::ranges::fill(scores_of_model, 0.0F);
    }
  }
};

// Looks at something of each model, over all blocks: look(first, buffers, model).
template <typename Look>
Ranges find_ranges(const TensorMerge& task, ThreadPool& pool, const Look& look) {
  const std::size_t num_models = task.models.size();
  std::vector<Ranges> parts(Parts(elements_of(task)).count(), Ranges(num_models));
  for_each_block(task, PcbBuffers::needs(task), pool,
                 [&](std::size_t part, const InputBlock& inputs) {
                   const PcbBuffers buffers(inputs);
                   buffers.make_deltas_and_total(inputs);
                   for (std::size_t i = 0; i < num_models; ++i) {
                     parts[part][i].add(look(inputs.first, buffers, i));
                   }
                 });
  Ranges ranges(num_models);
  for (const Ranges& part : parts) {
    for (std::size_t i = 0; i < num_models; ++i) ranges[i].add(part[i]);
  }
  return ranges;
}

Ranges ranges_of_deltas(const TensorMerge& task, ThreadPool& pool) {
  return find_ranges(task, pool,
                     [](std::size_t /*first*/, const PcbBuffers& buffers, std::size_t model) {
                       return magnitude_range(buffers.delta(model));
                     });
}

Ranges ranges_of_kept_scores(const TensorMerge& task, const Competition& competition,
                             ThreadPool& pool) {
  return find_ranges(task, pool,
                     [&](std::size_t first, const PcbBuffers& buffers, std::size_t model) {
                       competition.make_kept_scores(first, buffers, model);
                       return magnitude_range(buffers.scores(model));
                     });
}

Quantity scores_of(const TensorMerge& task, const Competition& competition, std::size_t model) {
  return [&task, &competition, model](std::size_t largest) -> ReadBlock {
    const auto reader = std::make_shared<InputBlockReader>(task, largest, PcbBuffers::needs(task));
    return [&competition, reader, model](std::size_t first, std::size_t size) {
      const InputBlock& inputs = reader->read(first, size);
      const PcbBuffers buffers(inputs);
      buffers.make_deltas_and_total(inputs);
      competition.make_scores(buffers, model);
      return std::span<const float>(buffers.scores(model));
    };
  };
}

Competition compete_in_tensor(const TensorMerge& task, ThreadPool& pool) {
  const std::size_t num_models = task.models.size();
  Competition competition;
  competition.deltas = ranges_of_deltas(task, pool);
  std::vector<Quantity> quantities;
  std::vector<WantedCut> wanted;
  for (std::size_t i = 0; i < num_models; ++i) {
    quantities.push_back(scores_of(task, competition, i));
    const double kept =
        task.models[i].parameters.at("density") * static_cast<double>(elements_of(task));
    const auto k = static_cast<std::size_t>(kept);
    if (k > 0) wanted.push_back({i, k});
  }
  const std::vector<MagnitudeCut> found = find_cuts(elements_of(task), quantities, wanted, pool);
  competition.cuts.resize(num_models);
  for (std::size_t i = 0; i < found.size(); ++i) competition.cuts[wanted[i].quantity] = found[i];
  competition.scores = ranges_of_kept_scores(task, competition, pool);
  return competition;
}

// Over all tensors with `scope: model`, as in the paper, whose task vectors are whole models.
class WholeModelCompetition {
 public:
  WholeModelCompetition(const MergeTasks& tasks, ThreadPool& pool)
      : deltas_(find(tasks, "delta_ranges",
                     [&](const TensorMerge& task) { return ranges_of_deltas(task, pool); })),
        cuts_(
            tasks, pool, {"density"},
            [](const std::vector<std::size_t>& shares, std::size_t /*elements*/) { return shares; },
            [this](const TensorMergePart& part, const SeeNumbers& see) { show_scores(part, see); }),
        scores_(find(tasks, "score_ranges", [&](const TensorMerge& task) {
          return ranges_of_kept_scores(task, with_cuts(task), pool);
        })) {}

  [[nodiscard]] bool empty() const noexcept { return cuts_.empty(); }

  [[nodiscard]] Competition of(const TensorMerge& task) const {
    Competition competition = with_cuts(task);
    competition.scores = of_models(task, scores_);
    return competition;
  }

 private:
  using RangesByModel = std::map<std::size_t, MagnitudeRange>;  // by ModelTensor::model

  // Three of each model.
  static Numbers numbers_of(const RangesByModel& ranges) {
    Numbers numbers;
    for (const auto& [model, range] : ranges) {
      for (const float each : {range.smallest, range.smallest_above_zero, range.largest}) {
        numbers.push_back(std::bit_cast<std::uint32_t>(each));
      }
    }
    return numbers;
  }
  static void read_numbers(const Numbers& numbers, RangesByModel& ranges) {
    auto next = numbers.begin();
    for (auto& [model, range] : ranges) {
      for (float* const each : {&range.smallest, &range.smallest_above_zero, &range.largest}) {
        *each = std::bit_cast<float>(static_cast<std::uint32_t>(*next++));
      }
    }
  }

  // Those of an earlier run if they are there.
  template <typename FindRanges>
  static RangesByModel find(const MergeTasks& tasks, const std::string& what,
                            const FindRanges& find_ranges) {
    const std::vector<std::size_t> tensors = tasks_of_whole_model(tasks);
    RangesByModel found;
    for (const std::size_t i : tensors) {
      for (const ModelTensor& model : tasks.describe(i).models) found[model.model];
    }
    if (found.empty()) return found;
    const auto look_at_all = [&] {
      for (const std::size_t i : tensors) {
        tasks.load(i, [&](const TensorMerge& task) {
          const Ranges ranges = find_ranges(task);
          for (std::size_t m = 0; m < ranges.size(); ++m)
            found[task.models[m].model].add(ranges[m]);
        });
      }
      return numbers_of(found);
    };
    read_numbers(recall_numbers(tasks, what, 3 * found.size(), look_at_all), found);
    return found;
  }

  static Ranges of_models(const TensorMerge& task, const RangesByModel& ranges) {
    Ranges found;
    for (const ModelTensor& model : task.models) found.push_back(ranges.at(model.model));
    return found;
  }

  [[nodiscard]] Competition with_cuts(const TensorMerge& task) const {
    Competition competition{of_models(task, deltas_), {}, {}};
    for (const ModelTensor& model : task.models) {
      competition.cuts.push_back(cuts_.find(task, model, 0));
    }
    return competition;
  }

  void show_scores(const TensorMergePart& part, const SeeNumbers& see) const {
    const Competition competition{of_models(part.task, deltas_), {}, {}};
    for_each_block(part.task, PcbBuffers::needs(part.task), part.parts, part.part,
                   [&](const InputBlock& inputs) {
                     const PcbBuffers buffers(inputs);
                     buffers.make_deltas_and_total(inputs);
                     for (std::size_t i = 0; i < part.task.models.size(); ++i) {
                       competition.make_scores(buffers, i);
                       see(i, buffers.scores(i));
                     }
                   });
  }

  RangesByModel deltas_;
  WholeModelCuts cuts_;
  RangesByModel scores_;
};

// Du et al., section 3: parameters compete within a model and between models. The difference here:
// the few smallest and largest entries are not clipped before norms are taken.
class PcbMerge {
 public:
  PcbMerge(const TensorMerge& task, Competition competition)
      : competition_(std::move(competition)), lambda_(task.parameters.at("lambda")) {
    for (const ModelTensor& model : task.models) weights_.push_back(model.parameters.at("weight"));
  }

  void merge(const InputBlock& inputs, std::span<float> out) const {
    const PcbBuffers buffers(inputs);
    buffers.make_deltas_and_total(inputs);
    std::array<Competitor, kMostModels> memory;
    const std::span<Competitor> models = std::span(memory).first(weights_.size());
    for (std::size_t i = 0; i < models.size(); ++i) {
      competition_.make_kept_scores(inputs.first, buffers, i);
      models[i] = {buffers.delta(i), buffers.scores(i), competition_.scores[i], weights_[i]};
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
  Competition competition_;
  std::vector<double> weights_;
  double lambda_;
};

BlockMerge merge_with(const TensorMerge& task, Competition competition) {
  check(task.models.size() <= kMostModels, "pcb: at most 64 models");
  const auto merge = [pcb = PcbMerge(task, std::move(competition))](const InputBlock& inputs,
                                                                    std::span<float> out) {
    pcb.merge(inputs, out);
  };
  const BlockNeeds needs = PcbBuffers::needs(task);
  return {
      .unit = 1, .buffers = needs.buffers, .takes_bfloat16 = needs.takes_bfloat16, .merge = merge};
}

BlockMerge start_pcb(const TensorMerge& task, ThreadPool& pool) {
  return merge_with(task, compete_in_tensor(task, pool));
}

StartMerge prepare_pcb(const MergeTasks& tasks, ThreadPool& pool) {
  const auto whole = std::make_shared<const WholeModelCompetition>(tasks, pool);
  if (whole->empty()) return nullptr;
  return [whole](const TensorMerge& task, ThreadPool& of_task) {
    if (task.parameters.at("scope") != kScopeModel) return start_pcb(task, of_task);
    return merge_with(task, whole->of(task));
  };
}

}  // namespace

MergeMethod pcb_method() {
  return {
      .name = "pcb",
      .paper =
          "Du et al., NeurIPS 2024, \"Parameter competition balancing for model merging\" "
          "(arXiv:2410.02396), section 3",
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
                                "factor of the combined delta"),
                     choice("scope", {"tensor", "model"},
                            "what density is a share of, and what entries are spread over; model, "
                            "as in the paper, reads the models six times more")},
      .start = start_pcb,
      .complaint = nullptr,
      .prepare = prepare_pcb};
}

}  // namespace vlm
