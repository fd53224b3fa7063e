#pragma once

// SHA-256 (FIPS 180-4) of bytes, for saying that two runs saw the same data.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace vlm {

// A hash fed piece by piece. Not thread-safe.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;
  ContentHash(ContentHash&&) = delete;
  ContentHash& operator=(ContentHash&&) = delete;

  void add_bytes(std::string_view bytes);
  // Adds the length and the bytes, so that fields that follow one another cannot be confused.
  void add_field(std::string_view bytes);
  // The digest of all that was added, as 64 lower-case hexadecimal digits. Ends the hash.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The SHA-256 of a file's bytes. Throws Error{kNotFound, kIo}.
std::string hash_file(const std::filesystem::path& path);

}  // namespace vlm
