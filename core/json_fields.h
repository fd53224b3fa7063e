#pragma once

// Reading typed fields out of untrusted JSON, with errors that name the file, the key and the
// value.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace vlm {

using Json = nlohmann::json;

// Parses the text of `where` (a file name, for messages). Duplicate keys are refused.
// Throws Error{kCorruptFile}.
Json parse_json(std::string_view text, const std::string& where);

// Reads and parses a JSON file. Throws Error{kNotFound, kIo, kCorruptFile}.
Json read_json_file(const std::filesystem::path& path);

// The value as one line of text; bytes that are not UTF-8 become U+FFFD.
std::string json_line(const Json& value);

// A list as it is, any other value as a list of it.
Json json_list(const Json& value);

// A JSON object together with where it comes from. The object must outlive the reader.
// A key holding null counts as absent. Getters throw Error{kCorruptFile} for a wrong type or range;
// those without a default also for an absent key.
class JsonFields {
 public:
  // Throws Error{kCorruptFile} unless `object` is an object.
  JsonFields(const Json& object, std::string where);

  [[nodiscard]] bool has(std::string_view key) const;
  // An integer in [0, 2^40].
  [[nodiscard]] std::size_t size(std::string_view key) const;
  [[nodiscard]] std::size_t size_or(std::string_view key, std::size_t fallback) const;
  // A finite number.
  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] double number_or(std::string_view key, double fallback) const;
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::string text_or(std::string_view key, std::string fallback) const;
  // A nested object, as a reader that names its place "where: key".
  [[nodiscard]] JsonFields object(std::string_view key) const;

  [[nodiscard]] const Json& json() const noexcept { return *object_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  [[nodiscard]] const Json& at(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& wanted) const;

  const Json* object_;
  std::string where_;
};

}  // namespace vlm
