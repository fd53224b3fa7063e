#pragma once

// Reading safetensors files. Layout of a file: header length (u64, little-endian), header (JSON,
// may end in blanks), data. The header is not trusted: whatever it says is proven before use.
// Rules: README "Format" and Metadata::validate of the safetensors reference implementation.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mapped_file.h"
#include "tensor/tensor_view.h"

namespace vlm {

inline constexpr std::size_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr std::size_t kHeaderLengthBytes = 8;  // of the number a file begins with
inline constexpr std::size_t kMaxTensorRank = 8;

struct SafetensorsEntry {
  std::string name;  // as in the file
  DType dtype = DType::kF32;
  Shape shape;
  // Where the tensor lies in the data: bytes [begin_bytes, end_bytes).
  std::size_t begin_bytes = 0;
  std::size_t end_bytes = 0;
};

// Invariant: the entries are in the order of the data, cover it exactly (the first begins at 0,
// each begins where the one before ends, the last ends at the end of the file), and each is as long
// as its shape and dtype say.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;  // "__metadata__"
  std::size_t data_start_bytes = 0;             // in the file
};

// Parses and proves the header of a whole file. `where` is the file name for messages. Reads only
// the header's bytes. Throws Error{kCorruptFile}, and Error{kUnsupported} for a dtype not known.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& where);

// An opened, mapped file. Views end with this object. Reading from several threads is safe.
class SafetensorsFile {
 public:
  // Throws as MappedFile and parse_safetensors_header do.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<SafetensorsEntry>& entries() const noexcept {
    return header_.entries;
  }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept {
    return header_.metadata;
  }
  // Of the file when it was opened.
  [[nodiscard]] const FileState& state() const noexcept { return file_.state(); }
  // REQUIRES: `entry` is from entries().
  [[nodiscard]] TensorView view(const SafetensorsEntry& entry) const;
  // The tensor of that name. Throws Error{kNotFound}.
  [[nodiscard]] TensorView view(std::string_view name) const;
  // Whether a tensor's bytes lie in this mapping.
  [[nodiscard]] bool holds(const TensorView& tensor) const noexcept;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  SafetensorsHeader header_;
};

}  // namespace vlm
