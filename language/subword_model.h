#pragma once

// A vocabulary of subwords and the rule that cuts plain text into them. What surrounds the plain
// text (begin-of-text token, added tokens) is the Tokenizer's part.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/token_id.h"

namespace vlm {

// Implementations are immutable: all functions may be called from several threads at once.
class SubwordModel {
 public:
  SubwordModel() = default;
  virtual ~SubwordModel() = default;
  SubwordModel(const SubwordModel&) = delete;
  SubwordModel& operator=(const SubwordModel&) = delete;
  SubwordModel(SubwordModel&&) = delete;
  SubwordModel& operator=(SubwordModel&&) = delete;

  // Ids are 0 ... size() - 1.
  [[nodiscard]] virtual std::size_t size() const = 0;
  // The ids of text that holds no added token. Bytes that are no UTF-8 become U+FFFD.
  [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  // The text of a run of ids; broken UTF-8 becomes U+FFFD. REQUIRES: 0 <= id < size().
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> ids) const = 0;
  // The entry of an id as the vocabulary spells it, e.g. "▁猫". REQUIRES: 0 <= id < size().
  [[nodiscard]] virtual std::string token(TokenId id) const = 0;
  // The id of a vocabulary entry.
  [[nodiscard]] virtual std::optional<TokenId> find(std::string_view token) const = 0;
  // Whether the token stands for no text of its own, such as "<s>". REQUIRES: 0 <= id < size().
  [[nodiscard]] virtual bool is_control(TokenId id) const = 0;
};

}  // namespace vlm
