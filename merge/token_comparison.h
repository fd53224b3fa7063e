#pragma once

// Whether the ids of two models stand for the same tokens.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>

#include "core/error.h"

namespace vlm {

// How the tokens of two model directories differ among the ids below `num_rows` that both have a
// token for: `3 of 2560 ids, the first 7: "a" and "b"`; nothing if they do not. Throws what
// TokenTable::load() throws, unless the files are the same.
std::optional<std::string> token_difference(const std::filesystem::path& a,
                                            const std::filesystem::path& b, std::size_t num_rows);

// Compares the same directories and rows only once, with the files as they then are. Not
// thread-safe.
class TokenComparisons {
 public:
  // What token_difference() gives or throws.
  std::optional<std::string> difference(const std::filesystem::path& a,
                                        const std::filesystem::path& b, std::size_t num_rows);

 private:
  using Key = std::tuple<std::filesystem::path, std::filesystem::path, std::size_t>;
  using Outcome = std::variant<std::optional<std::string>, Error>;

  static Outcome outcome_of(const Key& key);

  std::map<Key, Outcome> outcomes_;
};

}  // namespace vlm
