#pragma once

// Remembers, between merges of the same models, the inputs' tensors as float32 and what methods ask
// to be remembered (magnitude rankings, random words), so that a search's next candidate is one
// pass over memory.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/method.h"
#include "merge/tensor_values.h"

namespace vlm {

// Thread-safe. Fills up to `max_bytes`, then gives out what it computes without keeping it; results
// are the same either way. Keys are addresses of tensors, so the cache keeps their checkpoints
// open.
class SourceCache {
 public:
  explicit SourceCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Keeps a checkpoint open as long as the cache lives. REQUIRES: done before its tensors are keys.
  void keep_open(std::shared_ptr<const Checkpoint> checkpoint);

  // The values of a tensor, read by `load` if they are not here. Entries made with different
  // `rounding` (a dtype, or none) are different.
  std::shared_ptr<const FloatTensor> values(const TensorInfo& info, std::optional<DType> rounding,
                                            const std::function<FloatTensor()>& load);

  // The words of that key, made by `make` if they are not here; null if there is no room for
  // `count` of them. REQUIRES: make() returns `count` words.
  std::shared_ptr<const Words> words(const std::string& key, std::size_t count,
                                     const std::function<Words()>& make);

  [[nodiscard]] std::size_t size_bytes() const;

 private:
  // The tensor, and the dtype it was rounded to (-1: none).
  using ValuesKey = std::pair<const TensorInfo*, int>;

  // Takes `bytes` of the budget if they are free. REQUIRES: the mutex is held.
  bool reserve(std::size_t bytes);

  std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::size_t size_bytes_ = 0;
  std::set<std::shared_ptr<const Checkpoint>> checkpoints_;
  std::map<ValuesKey, std::shared_ptr<const FloatTensor>> values_;
  std::map<std::string, std::shared_ptr<const Words>, std::less<>> words_;
};

}  // namespace vlm
