#include "checkpoint/gguf_writer.h"

#include <bit>
#include <set>
#include <type_traits>

#include <fcntl.h>
#include <unistd.h>

#include "core/check.h"
#include "core/descriptor.h"
#include "core/divide_up.h"
#include "core/system_error.h"

namespace vlm {
namespace {

constexpr std::uint32_t kVersion = 3;

// The types of metadata values, as the file numbers them.
enum class ValueType : std::uint32_t {
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9
};

// Bytes in the file's order, which is little-endian.
class Bytes {
 public:
  template <typename Integer>
  void add_integer(Integer value) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      bytes_ += static_cast<char>((bits >> (8 * i)) & 0xFFU);
    }
  }
  void add(std::uint32_t value) { add_integer(value); }
  void add(std::int32_t value) { add_integer(static_cast<std::uint32_t>(value)); }
  void add(float value) { add_integer(std::bit_cast<std::uint32_t>(value)); }
  void add(bool value) { bytes_ += value ? '\1' : '\0'; }
  void add(const std::string& text) {
    add_integer(std::uint64_t{text.size()});
    bytes_ += text;
  }
  void add_magic() { bytes_ += "GGUF"; }
  void add(ValueType type) { add(static_cast<std::uint32_t>(type)); }
  void pad() {
    bytes_.append((kGgufAlignment - bytes_.size() % kGgufAlignment) % kGgufAlignment, '\0');
  }
  [[nodiscard]] const std::string& text() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

template <typename T>
constexpr ValueType type_of() {
  if constexpr (std::is_same_v<T, std::uint32_t>) return ValueType::kUint32;
  if constexpr (std::is_same_v<T, std::int32_t>) return ValueType::kInt32;
  if constexpr (std::is_same_v<T, float>) return ValueType::kFloat32;
  if constexpr (std::is_same_v<T, bool>) return ValueType::kBool;
  return ValueType::kString;
}

template <typename T>
void add_value(Bytes& bytes, const T& value) {
  bytes.add(type_of<T>());
  bytes.add(value);
}

template <typename T>
void add_value(Bytes& bytes, const std::vector<T>& values) {
  bytes.add(ValueType::kArray);
  bytes.add(type_of<T>());
  bytes.add_integer(std::uint64_t{values.size()});
  for (const T& value : values) bytes.add(value);
}

void add_tensor(Bytes& bytes, const GgufTensor& tensor, std::size_t offset_bytes) {
  bytes.add(tensor.name);
  bytes.add(static_cast<std::uint32_t>(tensor.shape.size()));
  const Shape fastest_first(tensor.shape.rbegin(), tensor.shape.rend());
  for (const std::size_t size : fastest_first) bytes.add_integer(std::uint64_t{size});
  bytes.add(static_cast<std::uint32_t>(tensor.type));
  bytes.add_integer(std::uint64_t{offset_bytes});
}

std::size_t aligned(std::size_t size_bytes) {
  return divide_up(size_bytes, kGgufAlignment) * kGgufAlignment;
}

std::string header_bytes(const GgufMetadata& metadata, std::span<const GgufTensor> tensors) {
  Bytes bytes;
  bytes.add_magic();
  bytes.add(kVersion);
  bytes.add_integer(std::uint64_t{tensors.size()});
  bytes.add_integer(std::uint64_t{metadata.size()});
  std::set<std::string> names;
  for (const auto& [key, value] : metadata) {
    check(names.insert(key).second, "GgufWriter: unique keys");
    bytes.add(key);
    std::visit([&](const auto& typed) { add_value(bytes, typed); }, value);
  }
  std::size_t offset_bytes = 0;
  for (const GgufTensor& tensor : tensors) {
    check(names.insert(tensor.name).second, "GgufWriter: unique names");
    add_tensor(bytes, tensor, offset_bytes);
    offset_bytes += aligned(gguf_size_bytes(tensor.shape, tensor.type));
  }
  bytes.pad();
  return bytes.text();
}

}  // namespace

GgufWriter::GgufWriter(std::filesystem::path path, const GgufMetadata& metadata,
                       std::span<const GgufTensor> tensors)
    : path_(std::move(path)), file_(path_) {
  for (const GgufTensor& tensor : tensors) {
    sizes_bytes_.push_back(gguf_size_bytes(tensor.shape, tensor.type));
  }
  const std::string header = header_bytes(metadata, tensors);
  constexpr mode_t kReadableByAll = 0644;
  descriptor_ =
      ::open(file_.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kReadableByAll);
  if (descriptor_ < 0) fail_writing("cannot create file", path_);
  try {
    write(header);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

GgufWriter::~GgufWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void GgufWriter::append(std::span<const std::byte> bytes) {
  check(num_appended_ < sizes_bytes_.size() && bytes.size() == sizes_bytes_[num_appended_],
        "GgufWriter::append: the size of the next tensor");
  write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  write(std::string(aligned(bytes.size()) - bytes.size(), '\0'));
  ++num_appended_;
}

void GgufWriter::finish() {
  check(num_appended_ == sizes_bytes_.size(), "GgufWriter::finish: all tensors appended");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_writing("cannot close file", path_);
  file_.commit();
}

void GgufWriter::write(std::string_view bytes) {
  write_bytes(descriptor_, bytes, path_);
}

}  // namespace vlm
