#pragma once

// The values of one input of a merge, wherever they are.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tensor/bfloat16.h"

namespace vlm {

using FloatTensor = std::vector<float>;

// Values in memory (a view, or owned together with others), or values that are read in pieces when
// they are asked for. Cheap to copy. May be used from several threads at once.
class TensorValues {
 public:
  // Writes elements [first, first + out.size()). Thread-safe.
  using Read = std::function<void(std::size_t first, std::span<float> out)>;

  // Values that are stored as bfloat16. Both are thread-safe.
  struct Bfloat16Values {
    // Elements [first, first + size) where they lie.
    std::function<std::span<const Bfloat16>(std::size_t first, std::size_t size)> read;
    // Throws Error if one of these elements is NaN or infinite and may not be.
    std::function<void(std::size_t first, std::size_t size)> require_finite;
  };

  // No values.
  TensorValues() = default;
  // A view.
  TensorValues(std::span<const float> values)  // NOLINT(google-explicit-constructor)
      : memory_(values), size_(values.size()) {}
  TensorValues(const FloatTensor& values)  // NOLINT(google-explicit-constructor)
      : TensorValues(std::span<const float>(values)) {}
  // The first `size` of `values`, which it keeps alive.
  TensorValues(std::shared_ptr<const FloatTensor> values, std::size_t size)
      : owned_(std::move(values)), memory_(std::span(*owned_).first(size)), size_(size) {}
  // `size` values that are not in memory.
  TensorValues(Read read, std::size_t size)
      : read_(std::make_shared<const Read>(std::move(read))), size_(size) {}
  // The same, which are stored as bfloat16.
  TensorValues(Read read, Bfloat16Values bfloat16, std::size_t size)
      : read_(std::make_shared<const Read>(std::move(read))),
        bfloat16_(std::make_shared<const Bfloat16Values>(std::move(bfloat16))),
        size_(size) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool is_in_memory() const noexcept { return read_ == nullptr; }

  // Elements [first, first + size): a view of those in memory, or of the beginning of `scratch`,
  // into which they were read. REQUIRES: inside; scratch holds them unless all are in memory.
  [[nodiscard]] std::span<const float> read(std::size_t first, std::size_t size,
                                            std::span<float> scratch) const;
  // Whether they are stored as bfloat16.
  [[nodiscard]] bool is_bfloat16() const noexcept { return bfloat16_ != nullptr; }
  // The same elements as they are stored; other than by read() they may be NaN or infinite.
  // REQUIRES: inside; is_bfloat16().
  [[nodiscard]] std::span<const Bfloat16> read_bfloat16(std::size_t first, std::size_t size) const;
  // Throws Error if one of them is NaN or infinite and may not be. REQUIRES: the same.
  void require_finite(std::size_t first, std::size_t size) const;
  // All values. REQUIRES: they are in memory.
  [[nodiscard]] std::span<const float> in_memory() const;

 private:
  std::shared_ptr<const FloatTensor> owned_;
  std::span<const float> memory_;
  std::shared_ptr<const Read> read_;                // null: all are in memory
  std::shared_ptr<const Bfloat16Values> bfloat16_;  // null: they are not bfloat16
  std::size_t size_ = 0;
};

}  // namespace vlm
