#pragma once

// A merge as a checkpoint: tensors are computed when they are read.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/overflow_memory.h"
#include "merge/plan.h"
#include "merge/source_cache.h"

namespace vlm {

struct MergeOptions {
  std::uint64_t seed = 0;              // of random masks (dare_*, della*)
  std::shared_ptr<SourceCache> cache;  // for repeated merges of the same models; may be null
  bool allow_nan = false;              // infinities and NaN go through; else refused
  std::shared_ptr<OverflowMemory> memory = nullptr;  // for what methods hold; null: the heap
};

// read() gives the values after the one rounding to the output dtype, so a model that is evaluated
// in memory equals the one that is written. Results do not depend on threads, order or cache.
// Throws as read_source() does.
class MergedCheckpoint final : public Checkpoint {
 public:
  explicit MergedCheckpoint(MergePlan plan, MergeOptions options = {});

  [[nodiscard]] const ModelConfig& config() const override { return plan_.config; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  // The donor's; if side files change, a temporary one that lives as long as this object.
  [[nodiscard]] const std::filesystem::path& directory() const override;
  // The donor's.
  [[nodiscard]] Layout layout() const override;
  void read(const TensorInfo& info, std::span<float> out) const override;
  // Looks at the tensors as far as the method has to; the parts are computed when they are read.
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override;
  void read_ahead(const TensorInfo& info) const override;
  // Of inputs that are merges too. What this merge finds is "cuts", theirs "N/cuts" for input N.
  void prepare_all(const RecallNumbers& recall, ThreadPool& pool) const override;
  // What the method holds of its own, and of inputs that are merges whose tensors are held.
  [[nodiscard]] std::uint64_t working_bytes(const TensorInfo& info) const override;
  [[nodiscard]] std::vector<FileState> weight_files() const override;
  // Not told with `scope: model`, where a tensor depends on all others.
  [[nodiscard]] std::string origin(const TensorInfo& info) const override;
  [[nodiscard]] std::uint64_t row_alignment() const override;

  [[nodiscard]] const MergePlan& plan() const noexcept { return plan_; }
  [[nodiscard]] const MergeOptions& options() const noexcept { return options_; }
  // Whether a tensor is a plain copy of one input's (vision tower, projector, ...): the same for
  // every candidate of a search that changes only numbers. REQUIRES: `info` is from tensors().
  [[nodiscard]] bool is_copy(const TensorInfo& info) const;

 private:
  [[nodiscard]] const TensorPlan& plan_of(const TensorInfo& info) const;
  void read_ahead_of(const TensorPlan& tensor) const;
  class Tasks;   // the method's view of all tensors
  class Tensor;  // one in work
  class Reader;

  // The first `size` elements of a source's tensor: in memory with a cache.
  [[nodiscard]] TensorValues values_of(const PlannedSource& source, std::size_t size,
                                       ThreadPool& pool) const;
  [[nodiscard]] TensorMerge describe(const TensorPlan& tensor) const;
  [[nodiscard]] TensorMerge make_task(const TensorPlan& tensor, ThreadPool& pool) const;
  [[nodiscard]] const StartMerge& start_merge(ThreadPool& pool,
                                              const RecallNumbers& recall = nullptr) const;

  MergePlan plan_;
  MergeOptions options_;
  std::vector<TensorInfo> tensors_;  // in the order of plan_.tensors
  mutable std::once_flag changed_;
  mutable std::unique_ptr<const ChangedSideFiles> changed_side_files_;
  mutable std::once_flag prepared_;
  mutable StartMerge start_merge_;  // set once prepared_
};

}  // namespace vlm
