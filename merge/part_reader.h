#pragma once

// Any part of one tensor, also of a checkpoint that gives it only by rows or as a whole.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"

namespace vlm {

// Of what can be read only in larger parts (a merged tensor whose method takes rows) each thread
// holds those that it read last, so that going through them in order reads few of them twice; what
// comes only as a whole is read at the first look and held. May be used from several threads at
// once.
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
  // Elements from `first` on.
  struct Held {
    std::size_t first = 0;
    std::vector<float> values;
  };

  [[nodiscard]] std::span<const float> whole() const;
  // Elements [first, end), which begin and end as parts do, in memory of the calling thread.
  [[nodiscard]] const Held& held(std::size_t first, std::size_t end) const;

  std::unique_ptr<const TensorReader> reader_;
  std::size_t elements_;
  mutable std::once_flag is_read_;
  mutable std::vector<float> whole_;  // empty: it is read in parts
  mutable std::mutex mutex_;          // of the map, not of what is in it
  mutable std::map<std::thread::id, Held> held_;
};

}  // namespace vlm
