#include "language/added_tokens.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <unicode/uchar.h>
#include <unicode/unistr.h>

namespace vlm {
namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

std::string_view first_character(std::string_view text) {
  std::size_t bytes = std::min<std::size_t>(text.size(), 1);
  while (bytes < text.size() && continues_character(text[bytes])) ++bytes;
  return text.substr(0, bytes);
}

std::string_view last_character(std::string_view text) {
  std::size_t begin = text.empty() ? 0 : text.size() - 1;
  while (begin > 0 && continues_character(text[begin])) --begin;
  return text.substr(begin);
}

// -1 for no character.
UChar32 code_point(std::string_view character) {
  if (character.empty()) return -1;
  return icu::UnicodeString::fromUTF8(
             icu::StringPiece(character.data(), static_cast<std::int32_t>(character.size())))
      .char32At(0);
}

bool is_word(UChar32 c) {
  return c >= 0 && (u_hasBinaryProperty(c, UCHAR_ALPHABETIC) != 0 ||
                    u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) != 0 ||
                    (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0);
}

bool stands_alone(std::string_view before, std::string_view after) {
  return !is_word(code_point(last_character(before))) &&
         !is_word(code_point(first_character(after)));
}

bool is_white_space(std::string_view character) {
  return u_isUWhiteSpace(code_point(character)) != 0;
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty() && is_white_space(last_character(text))) {
    text.remove_suffix(last_character(text).size());
  }
  return text;
}

std::size_t leading_space_bytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size() && is_white_space(first_character(text.substr(bytes)))) {
    bytes += first_character(text.substr(bytes)).size();
  }
  return bytes;
}

}  // namespace

AddedToken parse_added_token(TokenId id, const JsonFields& fields) {
  AddedToken token;
  token.id = id;
  token.text = fields.text("content");
  token.special = fields.boolean_or("special", false);
  token.swallows_left = fields.boolean_or("lstrip", false);
  token.swallows_right = fields.boolean_or("rstrip", false);
  token.whole_word = fields.boolean_or("single_word", false);
  token.normalized = fields.boolean_or("normalized", !token.special);
  return token;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  for (AddedToken& token : tokens) {
    if (token.text.empty()) continue;
    id_limit_ = std::max(id_limit_, static_cast<std::size_t>(token.id) + 1);
    longest_bytes_ = std::max(longest_bytes_, token.text.size());
    may_start_.set(static_cast<unsigned char>(token.text[0]));
    by_text_[token.text] = token.id;
    by_id_[token.id] = std::move(token);
  }
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

const AddedToken* AddedTokens::find(std::string_view text) const {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? nullptr : find(found->second);
}

const AddedToken* AddedTokens::longest_at(std::string_view text) const {
  for (std::size_t bytes = std::min(longest_bytes_, text.size()); bytes > 0; --bytes) {
    if (const AddedToken* token = find(text.substr(0, bytes))) return token;
  }
  return nullptr;
}

const AddedToken* AddedTokens::token_at(std::string_view text, std::size_t at) const {
  return may_start_[static_cast<unsigned char>(text[at])] ? longest_at(text.substr(at)) : nullptr;
}

std::vector<TextPiece> AddedTokens::split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t plain_begin = 0;
  std::size_t at = 0;
  const auto append_plain = [&](std::size_t end, bool stripped) {
    std::string_view plain = text.substr(plain_begin, end - plain_begin);
    if (stripped) plain = without_trailing_space(plain);
    if (!plain.empty()) pieces.push_back({plain, nullptr});
  };
  while (at < text.size()) {
    const AddedToken* token = token_at(text, at);
    const std::size_t begin = at;
    at += token == nullptr ? 1 : token->text.size();
    if (token == nullptr) continue;
    if (token->whole_word && !stands_alone(text.substr(0, begin), text.substr(at))) continue;
    append_plain(begin, token->swallows_left);
    pieces.push_back({text.substr(begin, token->text.size()), token});
    if (token->swallows_right) at += leading_space_bytes(text.substr(at));
    plain_begin = at;
  }
  append_plain(text.size(), false);
  return pieces;
}

}  // namespace vlm
