#pragma once

// Any part of one tensor, also of a checkpoint that gives it only as a whole.

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"

namespace vlm {

// What can be read only in larger parts (a merged tensor whose method takes rows or all of it) is
// read as a whole at the first look and held. May be used from several threads at once.
class PartReader {
 public:
  // `checkpoint` and `info` must outlive it.
  PartReader(const Checkpoint& checkpoint, const TensorInfo& info, ThreadPool& pool);

  // Elements [first, first + out.size()) as float32. REQUIRES: inside of the tensor.
  void read(std::size_t first, std::span<float> out) const;
  // See TensorReader.
  [[nodiscard]] std::optional<DType> exact_dtype() const { return reader_->exact_dtype(0); }
  [[nodiscard]] std::span<const Bfloat16> bfloat16() const { return reader_->bfloat16(0); }

 private:
  std::unique_ptr<const TensorReader> reader_;
  std::size_t elements_;
  mutable std::once_flag is_read_;
  mutable std::vector<float> whole_;  // empty: it is read in parts
};

}  // namespace vlm
