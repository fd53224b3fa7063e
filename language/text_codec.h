#pragma once

// A vocabulary and the rules that turn text into its ids and back, added tokens included. What is
// put around a text (begin-of-text token) is the Tokenizer's part.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/token_id.h"

namespace vlm {

enum class SpecialTokens : std::uint8_t { kSkip, kKeep };

// Implementations are immutable: all functions may be called from several threads at once.
class TextCodec {
 public:
  TextCodec() = default;
  virtual ~TextCodec() = default;
  TextCodec(const TextCodec&) = delete;
  TextCodec& operator=(const TextCodec&) = delete;
  TextCodec(TextCodec&&) = delete;
  TextCodec& operator=(TextCodec&&) = delete;

  // One more than the largest id in use.
  [[nodiscard]] virtual std::size_t id_limit() const = 0;
  // The ids of a text. Bytes that are no UTF-8 are encoded as U+FFFD.
  [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  // The text of ids, always valid UTF-8; ids that are no token's decode to nothing.
  // REQUIRES: all ids >= 0.
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> ids,
                                           SpecialTokens special) const = 0;
  // The id of a token's exact spelling, e.g. "<image>" or "▁猫".
  [[nodiscard]] virtual std::optional<TokenId> find(std::string_view token) const = 0;
  // The spelling of an id, "" if no token has it.
  [[nodiscard]] virtual std::string token(TokenId id) const = 0;
  [[nodiscard]] virtual bool is_special(TokenId id) const = 0;
};

}  // namespace vlm
