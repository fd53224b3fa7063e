#pragma once

// Memory in which threads make what they write.

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace vlm {

class PartBuffers {
 public:
  // Room for `count` floats, and for `size` bytes at an address that is `offset` modulo `block`
  // (DirectFile). REQUIRES: offset < block.
  void resize(std::size_t count, std::size_t size, std::size_t offset, std::size_t block) {
    values_.resize(count);
    memory_.resize(size + 2 * block);
    void* begin = memory_.data();
    std::size_t space = memory_.size();
    std::align(block, size + offset, begin, space);
    bytes_ = {static_cast<std::byte*>(begin) + offset, size};
  }

  [[nodiscard]] std::span<float> values() noexcept { return values_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::vector<float> values_;
  std::vector<std::byte> memory_;
  std::span<std::byte> bytes_;
};

// Buffers that nobody uses at the moment: fresh memory would cost more than what is made in it. Any
// thread.
class PartBufferPool {
 public:
  // They come back when the last owner lets go. The pool must outlive it.
  std::shared_ptr<PartBuffers> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) free_.push_back(std::make_unique<PartBuffers>());
    const auto give_back = [this](PartBuffers* buffers) {
      const std::lock_guard guard(mutex_);
      free_.emplace_back(buffers);
    };
    std::shared_ptr<PartBuffers> taken(free_.back().release(), give_back);
    free_.pop_back();
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<PartBuffers>> free_;
};

}  // namespace vlm
