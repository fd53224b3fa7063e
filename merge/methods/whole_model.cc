#include "merge/methods/whole_model.h"

#include "core/check.h"
#include "merge/block_loop.h"

namespace vlm {
namespace {

// The elements of one model, by the value of each share.
struct Demand {
  std::size_t elements = 0;
  std::vector<std::map<double, std::size_t>> by_share;
};

std::vector<std::size_t> count_shares(const Demand& demand) {
  std::vector<std::size_t> counts;
  for (const auto& elements_by_value : demand.by_share) {
    double sum = 0;
    for (const auto& [value, elements] : elements_by_value) {
      sum += value * static_cast<double>(elements);
    }
    counts.push_back(static_cast<std::size_t>(sum));
  }
  return counts;
}

}  // namespace

void show_deltas(const TensorMerge& task, const SeeNumbers& see) {
  const Parts parts(elements_of(task));
  for (std::size_t model = 0; model < task.models.size(); ++model) {
    for (std::size_t part = 0; part < parts.count(); ++part) {
      for_each_delta_block(
          task, model, parts, part,
          [&](std::size_t /*first*/, std::span<const float> delta) { see(model, delta); });
    }
  }
}

WholeModelCuts::WholeModelCuts(const MergeTasks& tasks,
                               const std::vector<std::string>& share_parameters,
                               const CountsToCuts& counts_to_cuts, const ShowNumbers& show) {
  std::map<std::size_t, Demand> demands;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TensorMerge task = tasks.describe(i);
    if (task.parameters.at("scope") != kScopeModel) continue;
    tensors_.push_back(i);
    for (const ModelTensor& model : task.models) {
      Demand& demand = demands[model.model];
      models_[model.model].begins.emplace(task.name, demand.elements);
      demand.elements += elements_of(task);
      demand.by_share.resize(share_parameters.size());
      for (std::size_t share = 0; share < share_parameters.size(); ++share) {
        const double value = model.parameters.at(share_parameters[share]);
        demand.by_share[share][value] += elements_of(task);
      }
    }
  }
  for (const auto& [model, demand] : demands) {
    for (const std::size_t k : counts_to_cuts(count_shares(demand), demand.elements)) {
      models_[model].searches.push_back(k == 0 ? std::nullopt : std::optional(MagnitudeSearch(k)));
    }
  }
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) run_pass(tasks, show);
}

void WholeModelCuts::run_pass(const MergeTasks& tasks, const ShowNumbers& show) {
  for (const std::size_t tensor : tensors_) {
    tasks.load(tensor, [&](const TensorMerge& task) {
      show(task, [&](std::size_t index, std::span<const float> numbers) {
        for (auto& search : models_.at(task.models[index].model).searches) {
          if (search) search->show(numbers, {});
        }
      });
    });
  }
  for (auto& [index, model] : models_) {
    for (auto& search : model.searches) {
      if (search) search->end_pass();
    }
  }
}

std::optional<MagnitudeCut> WholeModelCuts::find(const TensorMerge& task, const ModelTensor& model,
                                                 std::size_t cut) const {
  const Model& searched = models_.at(model.model);
  const auto begin = searched.begins.find(task.name);
  check(begin != searched.begins.end(), "WholeModelCuts: a tensor that was there before");
  if (!searched.searches[cut]) return std::nullopt;
  return searched.searches[cut]->cut(begin->second);
}

}  // namespace vlm
