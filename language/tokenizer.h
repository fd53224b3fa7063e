#pragma once

// Text to token ids and back, as a model directory's tokenizer files say.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/text_codec.h"
#include "language/token_id.h"

namespace vlm {

enum class AddBos : std::uint8_t { kAsConfigured, kNo, kYes };

// Immutable: all functions may be called from several threads at once.
class Tokenizer {
 public:
  // Tokens with a meaning of their own.
  struct Roles {
    std::optional<TokenId> bos;
    std::optional<TokenId> eos;
    std::optional<TokenId> pad;
    std::vector<TokenId> before;  // what encode() puts before a text by default
    std::vector<TokenId> after;
  };

  // Reads tokenizer.json, which transformers prefers too, else tokenizer.model, and the optional
  // tokenizer_config.json, added_tokens.json and special_tokens_map.json.
  // Throws Error{kNotFound, kIo, kCorruptFile, kUnsupported}.
  static Tokenizer load(const std::filesystem::path& model_directory);
  // The same with one more special token behind all others, unless the files have it.
  static Tokenizer load_with(const std::filesystem::path& model_directory, std::string_view token);

  Tokenizer(std::unique_ptr<TextCodec> codec, Roles roles);

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
  [[nodiscard]] std::size_t vocab_size() const { return codec_->id_limit(); }

  [[nodiscard]] std::optional<TokenId> bos_id() const noexcept { return roles_.bos; }
  [[nodiscard]] std::optional<TokenId> eos_id() const noexcept { return roles_.eos; }
  [[nodiscard]] std::optional<TokenId> pad_id() const noexcept { return roles_.pad; }

 private:
  std::unique_ptr<TextCodec> codec_;
  Roles roles_;
};

}  // namespace vlm
