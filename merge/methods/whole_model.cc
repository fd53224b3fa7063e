#include "merge/methods/whole_model.h"

#include "core/check.h"
#include "core/error.h"
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

// The searches of each model, one per cut; nothing for a cut that keeps no entry.
using Searches = std::map<std::size_t, std::vector<std::optional<MagnitudeSearch>>>;

// Calls use(search) for all searches, in order.
template <typename Use>
void for_each_search(Searches& searches, const Use& use) {
  for (auto& [model, cuts] : searches) {
    for (auto& search : cuts) {
      if (search) use(*search);
    }
  }
}

Searches begin_searches(const std::map<std::size_t, Demand>& demands,
                        const CountsToCuts& counts_to_cuts) {
  Searches searches;
  for (const auto& [model, demand] : demands) {
    for (const std::size_t k : counts_to_cuts(count_shares(demand), demand.elements)) {
      searches[model].push_back(k == 0 ? std::nullopt : std::optional(MagnitudeSearch(k)));
    }
  }
  return searches;
}

// Bits and end of the ties of each cut.
Numbers find_cuts(const MergeTasks& tasks, const std::vector<std::size_t>& tensors,
                  const ShowNumbers& show, Searches searches) {
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) {
    for (const std::size_t tensor : tensors) {
      tasks.load(tensor, [&](const TensorMerge& task) {
        show(task, [&](std::size_t index, std::span<const float> numbers) {
          if (task.models[index].changes_nothing) return;
          for (auto& search : searches.at(task.models[index].model)) {
            if (search) search->show(numbers, {});
          }
        });
      });
    }
    for_each_search(searches, [](MagnitudeSearch& search) { search.end_pass(); });
  }
  Numbers numbers;
  for_each_search(searches, [&](const MagnitudeSearch& search) {
    const MagnitudeCut cut = search.cut(0);
    numbers.insert(numbers.end(), {cut.bits, cut.tie_end});
  });
  return numbers;
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
      if (model.changes_nothing) continue;
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
  if (empty()) return;
  Searches searches = begin_searches(demands, counts_to_cuts);
  const Numbers found =
      tasks.recall("cuts", [&] { return find_cuts(tasks, tensors_, show, searches); });
  std::size_t expected = 0;
  for_each_search(searches, [&](const MagnitudeSearch& /*each*/) { expected += 2; });
  if (found.size() != expected) {
    throw Error(ErrorCode::kCorruptFile, "cuts of an earlier run: expected " +
                                             std::to_string(expected) +
                                             " numbers: " + std::to_string(found.size()));
  }
  auto next = found.begin();
  for (const auto& [model, cuts] : searches) {
    for (const auto& search : cuts) {
      auto& cut = models_[model].cuts.emplace_back();
      if (!search) continue;
      cut = MagnitudeCut{static_cast<std::uint32_t>(next[0]), next[1]};
      next += 2;
    }
  }
}

std::optional<MagnitudeCut> WholeModelCuts::find(const TensorMerge& task, const ModelTensor& model,
                                                 std::size_t cut) const {
  if (model.changes_nothing) return std::nullopt;
  const Model& searched = models_.at(model.model);
  const auto begin = searched.begins.find(task.name);
  check(begin != searched.begins.end(), "WholeModelCuts: a tensor that was there before");
  std::optional<MagnitudeCut> found = searched.cuts[cut];
  if (found) found->tie_end -= std::min(found->tie_end, begin->second);
  return found;
}

}  // namespace vlm
