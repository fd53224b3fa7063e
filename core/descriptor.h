#pragma once

// File descriptors of the system.

#include <filesystem>
#include <string_view>

namespace vlm {

// Owns one; a negative number, as a failed open() gives it, is none.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

// Writes all of `bytes` at the place of an open descriptor; `path` is for messages. Throws
// Error{kIo} with the system's reason.
void write_bytes(int descriptor, std::string_view bytes, const std::filesystem::path& path);

}  // namespace vlm
