#pragma once

// Files of known size that are written at many places, past the system's cache of files.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>

#include "core/descriptor.h"

namespace vlm {

// Writes go from memory to the disk without a copy in the system's cache of files: a large file
// costs less processor time, and what is cached of others stays. Not of a file system that cannot
// (tmpfs), nor small writes, nor the ends of one that share a block of the file with others: those
// are copied, and the system begins to flush them.
// Throws Error{kIo} naming the file, e.g. when the disk is full.
class DirectFile {
 public:
  enum class Existing : std::uint8_t {
    kRefuse,   // Error{kIo} if the file exists
    kContinue  // the bytes of a file that is there stay until they are written again
  };

  // Places in the file, and addresses of what is written there, are best equal modulo this.
  static constexpr std::size_t kBlockBytes = 4096;
  // Fewer are copied, which does not wait for the disk.
  static constexpr std::size_t kLeastDirectBytes = std::size_t{1} << 16U;

  // The bytes from a place to where the next block begins.
  static constexpr std::size_t bytes_to_block(std::size_t place) noexcept {
    return (kBlockBytes - place % kBlockBytes) % kBlockBytes;
  }

  // Gives the file its size, and room on the disk if the file system can do that beforehand.
  DirectFile(std::filesystem::path path, std::size_t size_bytes, Existing existing);

  // Bytes from `offset_bytes` on. Returns when the system has them; may be called from several
  // threads at once for different bytes. REQUIRES: inside the size.
  void write(std::size_t offset_bytes, std::span<const std::byte> bytes) const;
  // Reads back what is there. REQUIRES: inside the size.
  void read(std::size_t offset_bytes, std::span<std::byte> bytes) const;

 private:
  void write_cached(std::size_t offset_bytes, std::span<const std::byte> bytes) const;
  [[nodiscard]] std::size_t write_direct(std::size_t offset_bytes,
                                         std::span<const std::byte> bytes) const;
  void copy(std::size_t offset_bytes, std::span<const std::byte> bytes) const;

  std::filesystem::path path_;
  Descriptor cached_;
  Descriptor direct_;  // not open: the file system cannot
};

}  // namespace vlm
