#pragma once

// Trims over all tensors of a model together (`scope: model`), as the papers have them; mergekit
// trims tensor by tensor.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/thread_pool.h"
#include "merge/block_loop.h"
#include "merge/kernels/magnitude.h"
#include "merge/method.h"

namespace vlm {

// Values of the parameter `scope`.
inline constexpr double kScopeTensor = 0;
inline constexpr double kScopeModel = 1;
inline constexpr double kScopeRow = 2;  // not all methods have it

// What is asked of one model: of `elements` entries the share of each parameter that the method
// named, rounded down; returns how many of the largest each of the wanted cuts keeps (0: none).
using CountsToCuts = std::function<std::vector<std::size_t>(const std::vector<std::size_t>& shares,
                                                            std::size_t elements)>;

// A part of a tensor (merge/block_loop.h).
struct TensorMergePart {
  const TensorMerge& task;
  const Parts& parts;
  std::size_t part = 0;
};

// Is shown a number for each element of a model's part, in order and in pieces of any size.
using SeeNumbers = std::function<void(std::size_t model, std::span<const float> numbers)>;
// Shows those of all models of a part. May be called from several threads at once.
using ShowNumbers = std::function<void(const TensorMergePart& part, const SeeNumbers& see)>;

// The differences from the base.
void show_deltas(const TensorMergePart& part, const SeeNumbers& see);

// Indices of the tasks with `scope: model`.
std::vector<std::size_t> tasks_of_whole_model(const MergeTasks& tasks);

// What `make` finds in all tasks, or an earlier run found (MergeTasks::recall). Throws
// Error{kCorruptFile} if those are not `expected` numbers.
Numbers recall_numbers(const MergeTasks& tasks, const std::string& what, std::size_t expected,
                       const std::function<Numbers()>& make);

// The exact cuts of each model through its deltas (or other numbers) in all tensors with
// `scope: model`, earlier tensors first among equals. A share that differs between tensors counts
// by their sizes. Tensors that a model cannot change (ModelTensor::changes_nothing) do not count.
class WholeModelCuts {
 public:
  // Reads those tensors four times, unless an earlier run found the cuts. Throws what
  // recall_numbers() does.
  WholeModelCuts(const MergeTasks& tasks, ThreadPool& pool,
                 const std::vector<std::string>& share_parameters,
                 const CountsToCuts& counts_to_cuts, const ShowNumbers& show = show_deltas);

  // Whether no tensor has `scope: model`.
  [[nodiscard]] bool empty() const noexcept { return tensors_.empty(); }
  // Indices of the tasks that have it.
  [[nodiscard]] const std::vector<std::size_t>& tensors() const noexcept { return tensors_; }

  // The model's cut number `cut` in a tensor with `scope: model`; nothing if it keeps no entry.
  [[nodiscard]] std::optional<MagnitudeCut> find(const TensorMerge& task, const ModelTensor& model,
                                                 std::size_t cut) const;

 private:
  struct Model {
    // The number of elements before a tensor, in output order.
    std::map<std::string, std::size_t, std::less<>> begins;
    std::vector<std::optional<MagnitudeCut>> cuts;  // through all elements
  };

  std::vector<std::size_t> tensors_;
  std::map<std::size_t, Model> models_;  // by ModelTensor::model
};

}  // namespace vlm
