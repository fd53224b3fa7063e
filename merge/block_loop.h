#pragma once

// Going through the inputs of a merge in blocks that stay in a processor's cache.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "merge/method.h"

namespace vlm {

inline constexpr std::size_t kBlockElements = 2048;
// What one thread works on between two looks for other work. Sums over a tensor are made of the
// sums of its parts, in their order, so that they do not depend on the number of threads.
inline constexpr std::size_t kPartElements = std::size_t{1} << 18U;

// What a block has to have; see BlockMerge.
struct BlockNeeds {
  std::size_t buffers = 0;
  bool takes_bfloat16 = false;
  bool finds_non_finite = false;
};

// Reads blocks of a task's inputs into its own memory, or shows where they are. For one thread.
class InputBlockReader {
 public:
  // Blocks have up to `largest` elements. The task must outlive it.
  InputBlockReader(const TensorMerge& task, std::size_t largest, const BlockNeeds& needs = {});
  ~InputBlockReader() = default;
  InputBlockReader(const InputBlockReader&) = delete;  // its block refers to it
  InputBlockReader& operator=(const InputBlockReader&) = delete;
  InputBlockReader(InputBlockReader&&) = delete;
  InputBlockReader& operator=(InputBlockReader&&) = delete;

  // The block is there until the next one is read. REQUIRES: inside of the tensor, not too large.
  const InputBlock& read(std::size_t first, std::size_t size);

 private:
  using Memory = std::unique_ptr<float[]>;  // NOLINT(*-avoid-c-arrays): a vector would be cleared

  void read_bfloat16(std::size_t first, std::size_t size);
  void require_finite() const;

  const TensorMerge& task_;
  std::size_t largest_;
  BlockNeeds needs_;
  std::vector<Memory> scratch_;  // [models and base][largest]; null where it is not needed
  Memory buffers_;
  InputBlock block_;
};

// How a tensor is cut into parts, and those into blocks; both begin at multiples of `unit`
// (BlockMerge::unit).
class Parts {
 public:
  explicit Parts(std::size_t elements, std::size_t unit = 1);

  [[nodiscard]] std::size_t count() const noexcept;
  // The first element of a part, and its number of elements.
  [[nodiscard]] std::size_t first(std::size_t part) const noexcept { return part * part_; }
  [[nodiscard]] std::size_t size(std::size_t part) const noexcept {
    return std::min(part_, elements_ - first(part));
  }
  // The elements of the largest block.
  [[nodiscard]] std::size_t block_size() const noexcept { return block_; }
  // Calls use(first, size) for the blocks of a part, in order.
  void for_each_block(std::size_t part,
                      const std::function<void(std::size_t first, std::size_t size)>& use) const;

 private:
  std::size_t elements_;
  std::size_t part_;   // elements
  std::size_t block_;  // elements
};

// Calls use(part, block) for all blocks of a task: parts at the same time, the blocks of one part
// in order on one thread.
void for_each_block(const TensorMerge& task, const BlockNeeds& needs, ThreadPool& pool,
                    const std::function<void(std::size_t part, const InputBlock& block)>& use);

// The blocks of one part, in order on the calling thread.
void for_each_block(const TensorMerge& task, const BlockNeeds& needs, const Parts& parts,
                    std::size_t part, const std::function<void(const InputBlock& block)>& use);

// Reads blocks of one model's difference from the base (of the values themselves without a base).
// What it shows is there until the next block is read. For one thread. REQUIRES for every block:
// inside of the tensor, not too large.
class DeltaReader {
 public:
  DeltaReader(const TensorMerge& task, std::size_t model, std::size_t largest);

  // The difference, which may be written to. Throws what require_finite() does.
  std::span<float> read(std::size_t first, std::size_t size);
  // The same of elements that have been looked at, or will be.
  std::span<float> subtract_base(std::size_t first, std::size_t size);

  // Calls use(base, values) with both as they are stored, bfloat16 or float32; what is bfloat16 may
  // be NaN or infinite.
  template <typename Use>
  auto visit(std::size_t first, std::size_t size, const Use& use) {
    if (is_bfloat16_) {
      return use(task_.base.read_bfloat16(first, size), values().read_bfloat16(first, size));
    }
    const std::span<const float> base =
        task_.base.empty() ? std::span<const float>() : task_.base.read(first, size, base_);
    return use(base, values().read(first, size, values_));
  }
  // Throws Error if an element is NaN or infinite and may not be.
  void require_finite(std::size_t first, std::size_t size) const;

 private:
  [[nodiscard]] const TensorValues& values() const { return task_.models[model_].values; }

  const TensorMerge& task_;
  std::size_t model_;
  bool is_bfloat16_ = false;  // both are
  std::vector<float> values_;
  std::vector<float> base_;
  std::vector<float> delta_;
};

// Calls use(first, delta) for the blocks of one part of a model's difference, in order, as
// DeltaReader reads them.
void for_each_delta_block(
    const TensorMerge& task, std::size_t model, const Parts& parts, std::size_t part,
    const std::function<void(std::size_t first, std::span<float> delta)>& use);

// The number of elements of a task's tensor.
std::size_t elements_of(const TensorMerge& task);

// A tensor whose merge was started. The task must outlive it.
class StartedMerge {
 public:
  StartedMerge(const StartMerge& start, const TensorMerge& task, ThreadPool& pool);

  [[nodiscard]] std::size_t unit() const noexcept { return merge_.unit; }
  // Elements [first, first + out.size()) of the result. REQUIRES: they begin and end as blocks do
  // (BlockMerge::unit). May be called from several threads at once.
  void read(std::size_t first, std::span<float> out) const;

 private:
  const TensorMerge& task_;
  BlockMerge merge_;
};

}  // namespace vlm
