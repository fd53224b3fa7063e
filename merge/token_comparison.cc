#include "merge/token_comparison.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "checkpoint/token_table.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

bool is_same_file(const fs::path& a, const fs::path& b) {
  const bool exists = fs::exists(a);
  if (exists != fs::exists(b)) return false;
  return !exists ||
         (fs::file_size(a) == fs::file_size(b) && read_text_file(a) == read_text_file(b));
}

// Spares most comparisons the parsing: relatives usually share their tokenizer to the byte.
bool have_same_files(const fs::path& a, const fs::path& b) {
  constexpr std::array kFiles = {"tokenizer.json", "tokenizer.model", "tokenizer_config.json",
                                 "added_tokens.json"};
  const bool has_table = fs::exists(a / kFiles[0]) || fs::exists(a / kFiles[1]);
  return has_table && std::ranges::all_of(kFiles, [&](const char* const file) {
           return is_same_file(a / file, b / file);
         });
}

}  // namespace

std::optional<std::string> token_difference(const fs::path& a, const fs::path& b,
                                            std::size_t num_rows) {
  if (have_same_files(a, b)) return std::nullopt;
  const TokenTable ours = TokenTable::load(a);
  const TokenTable theirs = TokenTable::load(b);
  std::size_t common = 0;
  std::size_t unequal = 0;
  std::string first;
  for (const auto& [id, token] : ours.by_id()) {
    const auto other = theirs.by_id().find(id);
    if (id >= num_rows || other == theirs.by_id().end()) continue;
    ++common;
    if (token.text == other->second.text) continue;
    if (++unequal > 1) continue;
    first =
        std::to_string(id) + ": " + json_line(token.text) + " and " + json_line(other->second.text);
  }
  if (unequal == 0) return std::nullopt;
  return std::to_string(unequal) + " of " + std::to_string(common) + " ids, the first " + first;
}

TokenComparisons::Outcome TokenComparisons::outcome_of(const Key& key) {
  try {
    return std::apply(token_difference, key);
  } catch (const Error& error) {
    return error;
  }
}

std::optional<std::string> TokenComparisons::difference(const fs::path& a, const fs::path& b,
                                                        std::size_t num_rows) {
  const Key key(a, b, num_rows);
  auto found = outcomes_.find(key);
  if (found == outcomes_.end()) found = outcomes_.emplace(key, outcome_of(key)).first;
  if (const auto* const error = std::get_if<Error>(&found->second)) throw Error(*error);
  return std::get<std::optional<std::string>>(found->second);
}

}  // namespace vlm
