#include "merge/methods/whole_model.h"

#include <algorithm>

#include "core/check.h"
#include "core/error.h"

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
using ModelSearches = std::map<std::size_t, std::vector<std::optional<MagnitudeSearch>>>;

// Calls use(search) for all searches, in order.
template <typename Use>
void for_each_search(ModelSearches& searches, const Use& use) {
  for (auto& [model, cuts] : searches) {
    for (auto& search : cuts) {
      if (search) use(*search);
    }
  }
}

ModelSearches begin_searches(const std::map<std::size_t, Demand>& demands,
                             const CountsToCuts& counts_to_cuts) {
  ModelSearches searches;
  for (const auto& [model, demand] : demands) {
    for (const std::size_t k : counts_to_cuts(count_shares(demand), demand.elements)) {
      searches[model].push_back(k == 0 ? std::nullopt : std::optional(MagnitudeSearch(k)));
    }
  }
  return searches;
}

// Shows all searches the parts of one tensor after the other, which several threads look at
// together.
class PartsInOrder {
 public:
  PartsInOrder(const ShowNumbers& show, ModelSearches& searches)
      : show_(show), searches_(searches) {}

  void show_all(const TensorMerge& task, ThreadPool& pool) {
    const Parts parts(elements_of(task));
    for (std::size_t first = 0; first < parts.count(); first += kPartsAtOnce) {
      std::vector<Counts> counts(std::min(kPartsAtOnce, parts.count() - first));
      pool.parallel_for(counts.size(), [&](std::size_t i) {
        counts[i] = count({task, parts, first + i});
      });
      for (std::size_t i = 0; i < counts.size(); ++i) add({task, parts, first + i}, counts[i]);
    }
  }

 private:
  static constexpr std::size_t kPartsAtOnce = 64;
  using Counts = std::vector<std::vector<MagnitudeCounts>>;  // by model of the task and cut

  // Calls use(search, cut) for the searches that a model of a task takes part in.
  template <typename Use>
  void for_each_search_of(const ModelTensor& model, const Use& use) const {
    if (model.changes_nothing) return;
    auto& cuts = searches_.at(model.model);
    for (std::size_t cut = 0; cut < cuts.size(); ++cut) {
      if (cuts[cut]) use(*cuts[cut], cut);
    }
  }

  [[nodiscard]] Counts count(const TensorMergePart& part) const {
    Counts counts(part.task.models.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      for_each_search_of(part.task.models[i], [&](const MagnitudeSearch& /*each*/,
                                                  std::size_t cut) { counts[i].resize(cut + 1); });
    }
    show_(part, [&](std::size_t model, std::span<const float> numbers) {
      for_each_search_of(part.task.models[model],
                         [&](const MagnitudeSearch& search, std::size_t cut) {
                           search.count(numbers, counts[model][cut]);
                         });
    });
    return counts;
  }

  void add(const TensorMergePart& part, const Counts& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      for_each_search_of(part.task.models[i], [&](MagnitudeSearch& search, std::size_t cut) {
        if (search.add(counts[i][cut])) return;
        show_(part, [&](std::size_t model, std::span<const float> numbers) {
          if (model == i) search.show(numbers, {});
        });
      });
    }
  }

  const ShowNumbers& show_;
  ModelSearches& searches_;
};

// Bits and end of the ties of each cut.
Numbers find_cuts(const MergeTasks& tasks, const std::vector<std::size_t>& tensors,
                  const ShowNumbers& show, ModelSearches searches, ThreadPool& pool) {
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) {
    PartsInOrder parts(show, searches);
    for (const std::size_t tensor : tensors) {
      tasks.load(tensor, [&](const TensorMerge& task) { parts.show_all(task, pool); });
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

void show_deltas(const TensorMergePart& part, const SeeNumbers& see) {
  for (std::size_t model = 0; model < part.task.models.size(); ++model) {
    for_each_delta_block(
        part.task, model, part.parts, part.part,
        [&](std::size_t /*first*/, std::span<const float> delta) { see(model, delta); });
  }
}

std::vector<std::size_t> tasks_of_whole_model(const MergeTasks& tasks) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks.describe(i).parameters.at("scope") == kScopeModel) found.push_back(i);
  }
  return found;
}

Numbers recall_numbers(const MergeTasks& tasks, const std::string& what, std::size_t expected,
                       const std::function<Numbers()>& make) {
  Numbers found = tasks.recall(what, make);
  if (found.size() == expected) return found;
  throw Error(ErrorCode::kCorruptFile, what + " of an earlier run: expected " +
                                           std::to_string(expected) +
                                           " numbers: " + std::to_string(found.size()));
}

WholeModelCuts::WholeModelCuts(const MergeTasks& tasks, ThreadPool& pool,
                               const std::vector<std::string>& share_parameters,
                               const CountsToCuts& counts_to_cuts, const ShowNumbers& show)
    : tensors_(tasks_of_whole_model(tasks)) {
  std::map<std::size_t, Demand> demands;
  for (const std::size_t i : tensors_) {
    const TensorMerge task = tasks.describe(i);
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
  ModelSearches searches = begin_searches(demands, counts_to_cuts);
  std::size_t expected = 0;
  for_each_search(searches, [&](const MagnitudeSearch& /*each*/) { expected += 2; });
  const Numbers found = recall_numbers(
      tasks, "cuts", expected, [&] { return find_cuts(tasks, tensors_, show, searches, pool); });
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
