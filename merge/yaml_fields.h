#pragma once

// Reading typed fields out of untrusted YAML, with errors that name the file, the line and the key.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "core/error.h"

namespace vlm {

// Parses one YAML document of at most 1 MiB. Throws Error{kInvalidArgument}.
YAML::Node parse_yaml(const std::string& text, const std::string& where);

// Parses 1 to `most` documents, together of at most that size.
std::vector<YAML::Node> parse_yaml_documents(const std::string& text, const std::string& where,
                                             std::size_t most);

// "FILE:LINE", or "FILE" for a node made by a program out of no parts of a file.
std::string yaml_place(const YAML::Node& node, const std::string& where);

// Throws Error{kInvalidArgument}: "what: FILE:LINE: seen".
[[noreturn]] void fail_at(const YAML::Node& node, const std::string& where, const std::string& what,
                          const std::string& seen);

// Keys that have no effect, in words.
class IgnoredKeys {
 public:
  // `hint` goes behind the key.
  void add(const YAML::Node& key_node, const std::string& where, const std::string& key,
           const std::string& hint = "") {
    warnings_.push_back("a key is ignored: " + yaml_place(key_node, where) + ": '" + key + "'" +
                        hint);
  }
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  std::vector<std::string> warnings_;
};

// A YAML mapping whose keys are all known. A key holding null counts as absent.
class YamlFields {
 public:
  // `what` names the mapping in messages. Throws Error{kInvalidArgument} if `node` is no mapping,
  // or has a duplicate key or one that is not in `known` (the nearest one is suggested); with
  // `ignored` keys that are not known are noted there.
  YamlFields(const YAML::Node& node, std::string where, const std::string& what,
             const std::vector<std::string>& known, IgnoredKeys* ignored = nullptr);

  [[nodiscard]] bool has(const std::string& key) const;
  // The value, an undefined node if absent.
  [[nodiscard]] YAML::Node at(const std::string& key) const;
  // A non-empty scalar. Throws for an absent key or another kind of value.
  [[nodiscard]] std::string text(const std::string& key) const;
  [[nodiscard]] const YAML::Node& node() const noexcept { return node_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  YAML::Node node_;
  std::string where_;
  std::string what_;
};

// One of the words under an optional key; "" without it. Throws Error{kInvalidArgument} for another
// word, with the nearest.
std::string yaml_word(const YamlFields& fields, const std::string& key,
                      const std::vector<std::string>& words);

// The keys and values of a mapping in order. Throws for duplicate keys and keys that are no text.
struct YamlEntry {
  std::string key;
  YAML::Node key_node;
  YAML::Node value;
};
std::vector<YamlEntry> yaml_entries(const YAML::Node& map, const std::string& where);

// A non-empty scalar as text.
std::string yaml_text(const YAML::Node& node, const std::string& where, const std::string& what);
// A finite number, quoted or not.
double yaml_number(const YAML::Node& node, const std::string& where, const std::string& what);
// true/false/yes/no/on/off in YAML's spellings, quoted or not, or the numbers 0 and 1.
bool yaml_boolean(const YAML::Node& node, const std::string& where, const std::string& what);
// An integer in [0, 2^20].
std::size_t yaml_size(const YAML::Node& node, const std::string& where, const std::string& what);

}  // namespace vlm
