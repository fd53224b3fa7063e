#pragma once

// Memory with a bound: what is beyond it lies on the disk.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory_resource>
#include <mutex>

namespace vlm {

// Gives out `budget_bytes` of memory; what is taken beyond them, of a block its end, lies in files
// of `folder` that have no name, mapped, so that the system can write it out and read it again as
// it needs. Thread-safe. What is taken of it must be given back before it is gone.
class OverflowMemory final : public std::pmr::memory_resource {
 public:
  // The folder ("": the current one) need not be there before it is needed.
  OverflowMemory(std::size_t budget_bytes, std::filesystem::path folder);

  [[nodiscard]] std::size_t budget_bytes() const noexcept { return budget_bytes_; }
  // Of all that was in files at a time, the most.
  [[nodiscard]] std::size_t most_file_bytes() const;

 private:
  // A block: its beginning in memory, the rest in a file.
  struct Split {
    std::size_t memory_bytes = 0;
    std::size_t file_bytes = 0;
  };
  class Mapping;

  // Throws Error{kIo} with the system's reason if the disk has no room for what goes there, and
  // std::bad_alloc if the system gives no addresses.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* pointer, std::size_t bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  // What of a block is taken from what is left of the budget, in whole pages if it is not all.
  Split take(std::size_t bytes);
  void give_back(const Split& split) noexcept;
  void* allocate_split(const Split& split, std::size_t alignment);

  std::size_t budget_bytes_;
  std::filesystem::path folder_;
  mutable std::mutex mutex_;
  std::size_t memory_bytes_ = 0;
  std::size_t file_bytes_ = 0;
  std::size_t most_file_bytes_ = 0;
  std::map<void*, Split> mapped_;  // all blocks but small ones
};

}  // namespace vlm
