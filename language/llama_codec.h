#pragma once

// A SentencePiece model with added tokens, as LlamaTokenizer of transformers 4.38 joins the two.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/added_tokens.h"
#include "language/sentencepiece_model.h"
#include "language/text_codec.h"

namespace vlm {

// hf: `legacy`. Added tokens are cut out first, every plain piece between them is encoded on its
// own. Legacy pieces all get the dummy-prefix blank; otherwise only the start of the text gets it.
enum class BlankRule : std::uint8_t { kEveryPiece, kTextStart };

class LlamaCodec final : public TextCodec {
 public:
  // `unknown` is the spelling of the unknown token. With kTextStart, `model` must have been made
  // with DummyPrefix::kNo.
  LlamaCodec(SentencePieceModel model, AddedTokens added, BlankRule rule, std::string unknown);

  [[nodiscard]] std::size_t id_limit() const override;
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override;
  [[nodiscard]] std::string decode(std::span<const TokenId> ids,
                                   SpecialTokens special) const override;
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const override;
  [[nodiscard]] std::string token(TokenId id) const override;
  [[nodiscard]] bool is_special(TokenId id) const override;

 private:
  [[nodiscard]] bool in_model(TokenId id) const noexcept;
  [[nodiscard]] std::vector<TokenId> encode_pieces(std::string_view text) const;
  [[nodiscard]] std::vector<TokenId> encode_piece(std::string_view text) const;
  [[nodiscard]] std::vector<TokenId> encode_from_start(std::string_view text) const;
  [[nodiscard]] std::string decode_group(std::span<const TokenId> ids) const;
  [[nodiscard]] std::string decode_run(std::span<const TokenId> run, bool is_first) const;

  SentencePieceModel model_;
  AddedTokens added_;
  BlankRule rule_;
  std::string unknown_;
  std::size_t unknown_tokens_;  // ids of the text `unknown_`
};

}  // namespace vlm
