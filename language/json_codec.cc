#include "language/json_codec.h"

#include <algorithm>
#include <utility>

#include "language/valid_utf8.h"

namespace vlm {

JsonCodec::JsonCodec(TokenizerJson parts, std::vector<AddedToken> added)
    : parts_(std::move(parts)), added_(added) {
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (AddedToken& token : added) {
    if (!token.normalized) {
      raw.push_back(std::move(token));
      continue;
    }
    token.text = parts_.normalizer.apply(token.text);
    normalized.push_back(std::move(token));
  }
  in_raw_text_ = AddedTokens(std::move(raw));
  in_normalized_text_ = AddedTokens(std::move(normalized));
}

std::size_t JsonCodec::id_limit() const {
  return std::max(parts_.model.id_limit(), added_.id_limit());
}

std::vector<TokenId> JsonCodec::encode(std::string_view text) const {
  const std::string valid = valid_utf8(text);
  std::vector<TokenId> ids;
  for (const TextPiece& piece : in_raw_text_.split(valid)) {
    if (piece.token != nullptr) {
      ids.push_back(piece.token->id);
    } else {
      encode_plain(piece.text, piece.text.data() == valid.data(), ids);
    }
  }
  return ids;
}

void JsonCodec::encode_plain(std::string_view text, bool at_start,
                             std::vector<TokenId>& ids) const {
  const std::string normalized = parts_.normalizer.apply(text);
  for (const TextPiece& piece : in_normalized_text_.split(normalized)) {
    if (piece.token != nullptr) {
      ids.push_back(piece.token->id);
      continue;
    }
    const bool piece_at_start = at_start && piece.text.data() == normalized.data();
    for (const Word& word : parts_.pre_tokenizer.split(piece.text, piece_at_start)) {
      parts_.model.encode(word.text, ids);
    }
  }
}

std::string JsonCodec::decode(std::span<const TokenId> ids, SpecialTokens special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    if (special == SpecialTokens::kSkip && is_special(id)) continue;
    if (const AddedToken* added = added_.find(id)) {
      tokens.push_back(added->text);
    } else if (const auto spelling = parts_.model.token(id)) {
      tokens.emplace_back(*spelling);
    }
  }
  return parts_.decoder.decode(std::move(tokens));
}

std::optional<TokenId> JsonCodec::find(std::string_view token) const {
  if (const AddedToken* added = added_.find(token)) return added->id;
  return parts_.model.find(token);
}

std::string JsonCodec::token(TokenId id) const {
  if (const AddedToken* added = added_.find(id)) return added->text;
  return std::string(parts_.model.token(id).value_or(""));
}

bool JsonCodec::is_special(TokenId id) const {
  const AddedToken* added = added_.find(id);
  return added != nullptr && added->special;
}

}  // namespace vlm
