#pragma once

// Memory with a bound: what is beyond it lies on the disk.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory_resource>
#include <mutex>

namespace vlm {

// Gives out up to `budget_bytes` of memory; what does not fit beside that lies in files of
// `folder` that have no name, mapped, so that the system can write it out and read it again as it
// needs. Thread-safe. What is taken of it must be given back before it is gone.
class OverflowMemory final : public std::pmr::memory_resource {
 public:
  // The folder need not be there before it is needed.
  OverflowMemory(std::size_t budget_bytes, std::filesystem::path folder);

  // Of all that was in files at a time, the most.
  [[nodiscard]] std::size_t most_file_bytes() const;

 private:
  // Throws Error{kIo, kNotFound} with the system's reason if the disk has no room for a file.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* pointer, std::size_t bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  // Whether so many bytes more are within the budget; they are counted then.
  bool take(std::size_t bytes);
  void* map_file(std::size_t bytes);

  std::size_t budget_bytes_;
  std::filesystem::path folder_;
  mutable std::mutex mutex_;
  std::size_t memory_bytes_ = 0;
  std::size_t file_bytes_ = 0;
  std::size_t most_file_bytes_ = 0;
  std::map<void*, std::size_t> files_;  // where they are mapped
};

}  // namespace vlm
