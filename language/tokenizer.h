#pragma once

// Text to token ids and back, as a model directory's tokenizer files say.
//
// Behaviour of LlamaTokenizer(legacy=True) of transformers 4.38: added tokens are cut out first,
// every plain piece between them is encoded on its own and so gets the dummy-prefix blank again.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/added_tokens.h"
#include "language/subword_model.h"
#include "language/token_id.h"

namespace vlm {

enum class AddBos : std::uint8_t { kAsConfigured, kNo, kYes };
enum class SpecialTokens : std::uint8_t { kSkip, kKeep };

// Immutable: all functions may be called from several threads at once.
class Tokenizer {
 public:
  // Tokens with a meaning of their own, and whether encode() adds them by default.
  struct Roles {
    std::optional<TokenId> bos;
    std::optional<TokenId> eos;
    std::optional<TokenId> pad;
    bool add_bos = true;
    bool add_eos = false;
  };

  // Reads tokenizer.model, tokenizer_config.json, added_tokens.json and special_tokens_map.json
  // (all but the first optional). Throws Error{kNotFound, kIo, kCorruptFile, kUnsupported}.
  static Tokenizer load(const std::filesystem::path& model_directory);

  Tokenizer(std::unique_ptr<SubwordModel> model, AddedTokens added, Roles roles);

  // The ids of a text. Bytes that are no UTF-8 are encoded as U+FFFD.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text,
                                            AddBos add_bos = AddBos::kAsConfigured) const;
  // The text of ids, always valid UTF-8. Throws Error{kInvalidArgument} for an id that does not
  // exist; ids that are no token's (padding rows of an embedding) decode to nothing.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids,
                                   SpecialTokens special = SpecialTokens::kSkip) const;

  // The id of a token's exact spelling, e.g. "<image>" or "▁猫".
  [[nodiscard]] std::optional<TokenId> id_of(std::string_view token) const;
  // The spelling of an id, "" if no token has it.
  [[nodiscard]] std::string token(TokenId id) const;
  [[nodiscard]] bool is_special(TokenId id) const;
  // One more than the largest id in use.
  [[nodiscard]] std::size_t vocab_size() const noexcept { return vocab_size_; }

  [[nodiscard]] std::optional<TokenId> bos_id() const noexcept { return roles_.bos; }
  [[nodiscard]] std::optional<TokenId> eos_id() const noexcept { return roles_.eos; }
  [[nodiscard]] std::optional<TokenId> pad_id() const noexcept { return roles_.pad; }

 private:
  [[nodiscard]] bool in_model(TokenId id) const noexcept;
  [[nodiscard]] std::string decode_group(std::span<const TokenId> ids) const;
  [[nodiscard]] std::string decode_run(std::span<const TokenId> run, bool is_first) const;

  std::unique_ptr<SubwordModel> model_;
  AddedTokens added_;
  Roles roles_;
  std::size_t vocab_size_ = 0;
};

}  // namespace vlm
