#pragma once

// What a method drops of the models' deltas.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "merge/kernels/delta_sums.h"
#include "merge/kernels/magnitude.h"
#include "merge/method.h"
#include "merge/methods/kept_entries.h"

namespace vlm {

// Everything is kept.
struct KeepAll {};

// The entries that `kept` keeps are kept (none without it), but those that `outliers` would keep.
struct KeepByMagnitude {
  std::optional<MagnitudeCut> kept;
  std::optional<MagnitudeCut> outliers;

  // The window of entries from `first` on, and the place where it ends: cuts treat equals before
  // and after a place differently.
  struct Part {
    MagnitudeWindow window;
    std::size_t end = 0;
  };
  [[nodiscard]] Part at(std::size_t first) const;
};

// Entries are kept whatever the delta is: marks those of [first, first + size) and multiplies them.
struct KeepByMark {
  std::function<void(std::size_t first, std::size_t size, const EntryMarks& marks)> mark;
  float factor = 1;
};

// Changes a block of the delta, elements from `first` on: sets to 0 what it drops.
struct KeepByBlock {
  std::function<void(std::size_t first, std::span<float> block)> filter;
};

// Called from several threads at once.
using DeltaFilter = std::variant<KeepAll, KeepByMagnitude, KeepByMark, KeepByBlock>;

// The filters of all deltas of a task.
struct DeltaFilters {
  std::vector<DeltaFilter> of_models;  // parallel to TensorMerge::models
  std::size_t unit = 1;                // of the blocks they take (BlockMerge::unit)
};

// Whether the model counts: with a weight of 0 it votes for nothing and adds nothing.
bool has_weight(const ModelTensor& model);

// Filters of blocks of so many elements, each made from one model's parameters alone. Models
// without weight keep all.
using MakeFilter = std::function<DeltaFilter(const TensorMerge& task, const ModelTensor& model)>;
DeltaFilters filter_each(const TensorMerge& task, std::size_t unit, const MakeFilter& make_filter);

}  // namespace vlm
