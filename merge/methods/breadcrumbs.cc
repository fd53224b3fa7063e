#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"
#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

// How many of n entries stay below how many larger ones that do not: int(density n) and
// int(gamma n); where both do not fit, fewer outliers go.
struct Window {
  std::size_t outliers = 0;
  std::size_t kept = 0;
};

Window fit_window(std::size_t gamma_count, std::size_t density_count, std::size_t size) {
  const std::size_t kept = std::min(density_count, size);
  return {std::min(gamma_count, size - kept), kept};
}

Window window_of(const ModelTensor& model, std::size_t size) {
  const auto share = [&](const char* name) {
    return static_cast<std::size_t>(model.parameters.at(name) * static_cast<double>(size));
  };
  return fit_window(share("gamma"), share("density"), size);
}

// The same window in each row.
DeltaFilter make_row_filter(const TensorMerge& task, const ModelTensor& model) {
  const std::size_t length = row_size(task);
  const Window window = window_of(model, length);
  return KeepByBlock{[window, length](std::size_t /*first*/, std::span<float> block) {
    if (window.kept == 0) {
      std::ranges::fill(block, 0.0F);
      return;
    }
    for (std::size_t done = 0; done < block.size(); done += length) {
      const std::span<float> row = block.subspan(done, length);
      const auto cut = find_magnitude_cut(row, {}, window.outliers + window.kept);
      if (window.outliers > 0) drop_largest(find_magnitude_cut(row, {}, window.outliers), 0, row);
      keep_largest(cut, 0, row);
    }
  }};
}

// Davari and Belilovsky: neither the largest nor the smallest entries of the delta.
DeltaFilters keep_window(const TensorMerge& task, ThreadPool& pool) {
  if (task.parameters.at("scope") == kScopeRow) {
    return filter_each(task, row_size(task), make_row_filter);
  }
  std::vector<WantedCut> wanted;
  std::vector<Window> windows;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    windows.push_back(window_of(task.models[i], elements_of(task)));
    if (!has_weight(task.models[i])) windows.back() = {};
    if (windows[i].outliers > 0) wanted.push_back({i, windows[i].outliers});
    if (windows[i].kept > 0) wanted.push_back({i, windows[i].outliers + windows[i].kept});
  }
  const std::vector<MagnitudeCut> cuts = find_delta_cuts(task, wanted, pool);
  auto next = cuts.begin();
  DeltaFilters filters;
  for (const Window& window : windows) {
    KeepByMagnitude found;
    if (window.outliers > 0) found.outliers = *next++;
    if (window.kept > 0) found.kept = *next++;
    filters.of_models.emplace_back(found);
  }
  return filters;
}

// With `scope: model` the window is that of all entries of the model.
StartMerge prepare_breadcrumbs(const MergeTasks& tasks, ThreadPool& pool, Consensus consensus) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, pool, std::vector<std::string>{"gamma", "density"},
      [](const std::vector<std::size_t>& shares, std::size_t elements) {
        const Window window = fit_window(shares[0], shares[1], elements);
        const std::size_t kept = window.kept == 0 ? 0 : window.outliers + window.kept;
        return std::vector<std::size_t>{window.outliers, kept};
      });
  if (cuts->empty()) return nullptr;
  const auto make_filters = [cuts](const TensorMerge& task, ThreadPool& of_task) {
    if (task.parameters.at("scope") != kScopeModel) return keep_window(task, of_task);
    return filter_each(task, 1, [&](const TensorMerge& /*same*/, const ModelTensor& model) {
      return KeepByMagnitude{.kept = cuts->find(task, model, 1),
                             .outliers = cuts->find(task, model, 0)};
    });
  };
  return start_task_vectors({make_filters, consensus});
}

MergeMethod breadcrumbs_like(const char* name, const char* formula, Consensus consensus) {
  MergeMethod method{.name = name,
                     .paper = "Davari and Belilovsky, ECCV 2024, \"Model Breadcrumbs\"",
                     .formula = formula,
                     .base = BaseRole::kRequired,
                     .min_models = 1,
                     .max_models = 64,
                     .parameters = task_vector_parameters({.normalize = false, .rescale = false}),
                     .start = start_task_vectors({keep_window, consensus}),
                     .complaint = nullptr,
                     .prepare = [consensus](const MergeTasks& tasks, ThreadPool& pool) {
                       return prepare_breadcrumbs(tasks, pool, consensus);
                     }};
  method.parameters.push_back(
      number_in("gamma", ParameterScope::kPerModel, {0, 1}, 0.01,
                "share of the delta, its largest entries, that is dropped"));
  method.parameters.push_back(
      choice("scope", {"tensor", "model", "row"},
             "what density and gamma are shares of; model reads the models four times more"));
  return method;
}

}  // namespace

MergeMethod breadcrumbs_method() {
  return breadcrumbs_like("breadcrumbs",
                          "task_arithmetic of deltas without their largest and smallest entries",
                          Consensus::kNone);
}

MergeMethod breadcrumbs_ties_method() {
  return breadcrumbs_like("breadcrumbs_ties",
                          "deltas without their largest and smallest entries, combined by the sign "
                          "vote of ties",
                          Consensus::kSum);
}

}  // namespace vlm
