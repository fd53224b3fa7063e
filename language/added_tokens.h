#pragma once

// Tokens that are cut out of a text before the subword model sees it, such as "<s>" or "<image>".

#include <bitset>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"
#include "language/token_id.h"

namespace vlm {

struct AddedToken {
  TokenId id = 0;
  std::string text;
  bool special = false;         // left out of decoded text on request
  bool swallows_left = false;   // hf: lstrip, eats white space before it
  bool swallows_right = false;  // hf: rstrip, eats white space after it
  bool whole_word = false;      // hf: single_word, not found beside a letter or digit
  bool normalized = false;      // hf: normalized, is looked for in normalised text
};

// The content and flags of an entry of tokenizer.json or tokenizer_config.json; flags that are
// absent are off, but a token that is not special is looked for in normalised text.
AddedToken parse_added_token(TokenId id, const JsonFields& fields);

// A piece of a text: an added token, or the plain text between two.
struct TextPiece {
  std::string_view text;
  const AddedToken* token = nullptr;  // null: plain text
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // A token without text is ignored; for a text that occurs twice the last one counts.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  [[nodiscard]] const AddedToken* find(TokenId id) const;
  [[nodiscard]] const AddedToken* find(std::string_view text) const;
  // One more than the largest id, 0 if there are none.
  [[nodiscard]] std::size_t id_limit() const noexcept { return id_limit_; }
  // Cuts `text` at the leftmost, longest occurrences. Plain pieces are never empty.
  // The views end with `text` and this object.
  [[nodiscard]] std::vector<TextPiece> split(std::string_view text) const;

 private:
  [[nodiscard]] const AddedToken* longest_at(std::string_view text) const;
  [[nodiscard]] const AddedToken* token_at(std::string_view text, std::size_t at) const;

  std::map<TokenId, AddedToken> by_id_;
  std::map<std::string, TokenId, std::less<>> by_text_;
  std::bitset<256> may_start_;  // first bytes of the tokens' texts
  std::size_t id_limit_ = 0;
  std::size_t longest_bytes_ = 0;
};

}  // namespace vlm
