#pragma once

// A minimal reader of GGUF files, for tests: it stops at the first thing that is not as the
// specification says.

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/files.h"

namespace vlm {

struct GgufFile {
  using Value = std::variant<double, std::string, std::vector<double>, std::vector<std::string>>;
  struct Tensor {
    std::vector<std::size_t> dimensions;  // in the file's order, fastest first
    unsigned type = 0;
    std::size_t offset_bytes = 0;  // from the start of the data
  };

  unsigned version = 0;
  std::map<std::string, Value> metadata;
  std::map<std::string, Tensor> tensors;
  std::string data;

  explicit GgufFile(const std::filesystem::path& path) : bytes_(read_text_file(path)) {
    check(bytes_.starts_with("GGUF"), "GgufFile: magic");
    at_ = 4;
    version = number<std::uint32_t>();
    const auto num_tensors = number<std::uint64_t>();
    const auto num_values = number<std::uint64_t>();
    for (std::uint64_t i = 0; i < num_values; ++i) {
      const std::string key = text();
      check(metadata.emplace(key, value(number<std::uint32_t>())).second, "GgufFile: unique keys");
    }
    for (std::uint64_t i = 0; i < num_tensors; ++i) read_tensor();
    at_ = (at_ + 31) / 32 * 32;
    data = bytes_.substr(at_);
  }

  [[nodiscard]] double number_of(const std::string& key) const {
    return std::get<double>(metadata.at(key));
  }
  [[nodiscard]] std::string text_of(const std::string& key) const {
    return std::get<std::string>(metadata.at(key));
  }

  // The bytes of a tensor, from its offset on.
  [[nodiscard]] std::string bytes_of(const std::string& name, std::size_t size_bytes) const {
    const Tensor& tensor = tensors.at(name);
    check(tensor.offset_bytes + size_bytes <= data.size(), "GgufFile: the data is there");
    return data.substr(tensor.offset_bytes, size_bytes);
  }

 private:
  template <typename T>
  T number() {
    T read{};
    check(at_ + sizeof(T) <= bytes_.size(), "GgufFile: a number is there");
    std::memcpy(&read, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return read;
  }

  std::string text() {
    const auto size = static_cast<std::size_t>(number<std::uint64_t>());
    check(at_ + size <= bytes_.size(), "GgufFile: a text is there");
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  double scalar(unsigned type) {
    if (type == 4) return number<std::uint32_t>();
    if (type == 5) return number<std::int32_t>();
    if (type == 6) return number<float>();
    check(type == 7, "GgufFile: a type of value that the writer has");
    return number<std::uint8_t>();
  }

  Value value(unsigned type) {
    if (type == 8) return text();
    if (type != 9) return scalar(type);
    const auto item = number<std::uint32_t>();
    const auto count = number<std::uint64_t>();
    if (item == 8) {
      std::vector<std::string> texts;
      for (std::uint64_t i = 0; i < count; ++i) texts.push_back(text());
      return texts;
    }
    std::vector<double> numbers;
    for (std::uint64_t i = 0; i < count; ++i) numbers.push_back(scalar(item));
    return numbers;
  }

  void read_tensor() {
    const std::string name = text();
    Tensor tensor;
    const auto rank = number<std::uint32_t>();
    for (std::uint32_t i = 0; i < rank; ++i) {
      tensor.dimensions.push_back(static_cast<std::size_t>(number<std::uint64_t>()));
    }
    tensor.type = number<std::uint32_t>();
    tensor.offset_bytes = static_cast<std::size_t>(number<std::uint64_t>());
    check(tensor.offset_bytes % 32 == 0, "GgufFile: tensors are aligned");
    check(tensors.emplace(name, tensor).second, "GgufFile: unique names");
  }

  std::string bytes_;
  std::size_t at_ = 0;
};

}  // namespace vlm
