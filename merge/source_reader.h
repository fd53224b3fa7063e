#pragma once

// Reading what a merge is made of: values as the recipe wants them, proven to be numbers.

#include <cstddef>
#include <optional>
#include <span>

#include "core/thread_pool.h"
#include "merge/part_reader.h"
#include "merge/plan.h"

namespace vlm {

struct SourceRules {
  std::optional<DType> rounding;  // mergekit's `dtype`: inputs are rounded when they are read
  bool allow_nan = false;         // lets infinities and NaN pass
};

// Reads one tensor of an input.
class SourceReader {
 public:
  // `input` and `info` must outlive it.
  SourceReader(const PlanInput& input, const TensorInfo& info, const SourceRules& rules,
               ThreadPool& pool);

  // Elements [first, first + out.size()) as float32, rounded. Works through them in blocks that
  // stay in the cache, so that looking for NaN costs no pass over memory. Thread-safe. Throws
  // Error{kCorruptFile} naming model, tensor, position and value of the tensor's first infinity or
  // NaN if there is one in the part, also of one that rounding makes, and what Checkpoint::read
  // throws.
  void read(std::size_t first, std::span<float> out) const;
  // Whether the tensor lies in memory as bfloat16, and read() gives those values.
  [[nodiscard]] bool is_bfloat16() const { return !bfloat16_.empty(); }
  // The same elements where they lie, not looked at. REQUIRES: is_bfloat16().
  [[nodiscard]] std::span<const Bfloat16> read_bfloat16(std::size_t first, std::size_t size) const;
  // Looks at them, and throws as read() does. REQUIRES: is_bfloat16().
  void require_finite(std::size_t first, std::size_t size) const;

 private:
  [[nodiscard]] std::size_t find_first_refused() const;
  [[noreturn]] void refuse() const;

  const PlanInput& input_;
  const TensorInfo& info_;
  SourceRules rules_;
  PartReader reader_;
  std::span<const Bfloat16> bfloat16_;  // empty: read() is the only way
};

}  // namespace vlm
