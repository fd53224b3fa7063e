#include "merge/methods/whole_model.h"

#include "core/check.h"

namespace vlm {
namespace {

std::size_t elements_of(const TensorMerge& task) {
  const auto count = element_count(task.shape);
  check(count.has_value(), "WholeModelCuts: the element count of a planned tensor fits");
  return *count;
}

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

WholeModelCuts::WholeModelCuts(const MergeTasks& tasks,
                               const std::vector<std::string>& share_parameters,
                               const CountsToCuts& counts_to_cuts) {
  std::map<std::size_t, Demand> demands;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TensorMerge task = tasks.describe(i);
    if (task.parameters.at("scope") != kScopeModel) continue;
    tensors_.push_back(i);
    for (const ModelTensor& model : task.models) {
      auto& places = models_[model.model].places;
      places.emplace(task.name, places.size());
      Demand& demand = demands[model.model];
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
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) run_pass(tasks);
}

void WholeModelCuts::run_pass(const MergeTasks& tasks) {
  for (const std::size_t tensor : tensors_) {
    tasks.load(tensor, [&](const TensorMerge& task) {
      for (const ModelTensor& model : task.models) {
        for (auto& search : models_.at(model.model).searches) {
          if (search) search->show(model.values, task.base);
        }
      }
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
  const auto place = searched.places.find(task.name);
  check(place != searched.places.end(), "WholeModelCuts: a tensor that was there before");
  if (!searched.searches[cut]) return std::nullopt;
  return searched.searches[cut]->cut(place->second);
}

}  // namespace vlm
