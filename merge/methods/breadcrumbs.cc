#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
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

struct WindowCuts {
  std::optional<MagnitudeCut> outliers;  // absent: no entry is one
  std::optional<MagnitudeCut> kept;      // of outliers and kept together; absent: nothing stays

  void apply(std::size_t first, std::span<float> block) const {
    if (!kept) return std::fill(block.begin(), block.end(), 0.0F);
    keep_largest(*kept, first, block);
    if (outliers) drop_largest(*outliers, first, block);
  }
};

WindowCuts cut_window(const ModelTensor& model, std::size_t size,
                      const std::function<MagnitudeCut(std::size_t k)>& cut) {
  const auto share = [&](const char* name) {
    return static_cast<std::size_t>(model.parameters.at(name) * static_cast<double>(size));
  };
  const Window window = fit_window(share("gamma"), share("density"), size);
  WindowCuts cuts;
  if (window.outliers > 0) cuts.outliers = cut(window.outliers);
  if (window.kept > 0) cuts.kept = cut(window.outliers + window.kept);
  return cuts;
}

// The same window in each row.
BlockFilter make_row_filter(const TensorMerge& task, const ModelTensor& model) {
  const std::size_t row_size = task.shape.empty() ? 1 : task.shape.back();
  std::vector<WindowCuts> cuts;
  for (std::size_t first = 0; first < model.values.size(); first += row_size) {
    cuts.push_back(cut_window(model, row_size, [&](std::size_t k) {
      return find_magnitude_cut(model.values.subspan(first, row_size),
                                task.base.subspan(first, row_size), k);
    }));
  }
  return [cuts = std::move(cuts), row_size](std::size_t first, std::span<float> block) {
    while (!block.empty()) {
      const std::size_t in_row = first % row_size;
      const std::size_t count = std::min(block.size(), row_size - in_row);
      cuts[first / row_size].apply(in_row, block.first(count));
      block = block.subspan(count);
      first += count;
    }
  };
}

// Davari and Belilovsky: neither the largest nor the smallest entries of the delta.
BlockFilter make_window_filter(const TensorMerge& task, const ModelTensor& model) {
  if (task.parameters.at("scope") == kScopeRow) return make_row_filter(task, model);
  const DeltaRanks ranks(task, model);
  const WindowCuts cuts =
      cut_window(model, model.values.size(), [&](std::size_t k) { return ranks.cut(k); });
  return [cuts](std::size_t first, std::span<float> block) { cuts.apply(first, block); };
}

MergeTensor merge_with(const MakeFilter& make_filter, Consensus consensus) {
  return [make_filter, consensus](const TensorMerge& task, std::span<float> out) {
    merge_task_vectors(task, {make_filter, consensus}, out);
  };
}

// With `scope: model` the window is that of all entries of the model.
MergeTensor prepare_breadcrumbs(const MergeTasks& tasks, Consensus consensus) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, std::vector<std::string>{"gamma", "density"},
      [](const std::vector<std::size_t>& shares, std::size_t elements) {
        const Window window = fit_window(shares[0], shares[1], elements);
        const std::size_t kept = window.kept == 0 ? 0 : window.outliers + window.kept;
        return std::vector<std::size_t>{window.outliers, kept};
      });
  if (cuts->empty()) return nullptr;
  const auto make_filter = [cuts](const TensorMerge& task, const ModelTensor& model) {
    if (task.parameters.at("scope") != kScopeModel) return make_window_filter(task, model);
    const WindowCuts window{cuts->find(task, model, 0), cuts->find(task, model, 1)};
    return BlockFilter(
        [window](std::size_t first, std::span<float> block) { window.apply(first, block); });
  };
  return merge_with(make_filter, consensus);
}

MergeMethod breadcrumbs_like(const char* name, const char* formula, Consensus consensus) {
  MergeMethod method{.name = name,
                     .paper = "Davari and Belilovsky, ECCV 2024, \"Model Breadcrumbs\"",
                     .formula = formula,
                     .base = BaseRole::kRequired,
                     .min_models = 1,
                     .max_models = 64,
                     .parameters = task_vector_parameters({.normalize = false, .rescale = false}),
                     .merge = merge_with(make_window_filter, consensus),
                     .complaint = nullptr,
                     .prepare = [consensus](const MergeTasks& tasks) {
                       return prepare_breadcrumbs(tasks, consensus);
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
