#pragma once

// Reading what a merge is made of: values as the recipe wants them, proven to be numbers.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "core/thread_pool.h"
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

  // Whether a part costs less than the whole tensor.
  [[nodiscard]] bool reads_parts() const { return reader_->part_size(0) == 1; }
  // Elements [first, first + out.size()) as float32, rounded. Works through them in blocks that
  // stay in the cache, so that looking for NaN costs no pass over memory. REQUIRES: all elements,
  // or reads_parts(). Thread-safe. Throws Error{kCorruptFile} naming model, tensor, position and
  // value of the tensor's first infinity or NaN if there is one in the part, also of one that
  // rounding makes, and what Checkpoint::read throws.
  void read(std::size_t first, std::span<float> out) const;

 private:
  [[noreturn]] void refuse() const;

  const PlanInput& input_;
  const TensorInfo& info_;
  SourceRules rules_;
  std::unique_ptr<const TensorReader> reader_;
};

}  // namespace vlm
