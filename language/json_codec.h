#pragma once

// The tokenizer of a tokenizer.json, as the Rust library "tokenizers" runs it: added tokens are cut
// out, the text between them is normalised, cut into words, and each word is encoded.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/added_tokens.h"
#include "language/text_codec.h"
#include "language/tokenizer_json.h"

namespace vlm {

class JsonCodec final : public TextCodec {
 public:
  // `added` replaces the added tokens of `parts`.
  JsonCodec(TokenizerJson parts, std::vector<AddedToken> added);

  [[nodiscard]] std::size_t id_limit() const override;
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override;
  [[nodiscard]] std::string decode(std::span<const TokenId> ids,
                                   SpecialTokens special) const override;
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const override;
  [[nodiscard]] std::string token(TokenId id) const override;
  [[nodiscard]] bool is_special(TokenId id) const override;

 private:
  void encode_plain(std::string_view text, bool at_start, std::vector<TokenId>& ids) const;

  TokenizerJson parts_;
  AddedTokens added_;
  AddedTokens in_raw_text_;
  AddedTokens in_normalized_text_;  // spelled as they are after normalisation
};

}  // namespace vlm
