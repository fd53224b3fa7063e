#pragma once

// Which tokens a model directory has, and under which ids: for matching the vocabularies of models.
// Encoding text is done by language/.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/json_fields.h"

namespace vlm {

struct Token {
  std::string text;
  bool is_added = false;  // cut out of a text before the subword model sees it
  Json added;             // then: its entry of tokenizer.json, without the id
};

class TokenTable {
 public:
  // Reads tokenizer.json, else tokenizer.model; then the tokens that tokenizer_config.json and
  // added_tokens.json add. Throws Error{kNotFound, kIo, kCorruptFile}, Error{kUnsupported} for a
  // kind of model whose vocabulary is not understood.
  static TokenTable load(const std::filesystem::path& model_directory);

  // Adds a token unless its text or its id is taken.
  void add(std::size_t id, Token token);

  [[nodiscard]] const std::map<std::size_t, Token>& by_id() const noexcept { return by_id_; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view text) const;
  // One more than the largest id.
  [[nodiscard]] std::size_t id_limit() const noexcept {
    return by_id_.empty() ? 0 : by_id_.rbegin()->first + 1;
  }

 private:
  std::map<std::size_t, Token> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_text_;
};

// Adds the tokens of a tokenizer.json to `table`. Throws Error{kCorruptFile, kUnsupported}.
void add_tokenizer_json(const Json& file, const std::string& where, TokenTable& table);

// The entry of tokenizer.json that an added token of no particular kind has.
Json plain_added_token(std::string_view text, bool is_special);

}  // namespace vlm
