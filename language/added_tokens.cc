#include "language/added_tokens.h"

#include <algorithm>
#include <utility>

namespace vlm {
namespace {

constexpr std::string_view kWhiteSpace = " \t\n\r\v\f";

std::string_view without_leading_space(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kWhiteSpace), text.size()));
}

std::string_view without_trailing_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kWhiteSpace) + 1);
}

// Takes the white space away that added tokens claim from the plain text beside them.
void strip_beside_tokens(std::vector<TextPiece>& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].token != nullptr) continue;
    const bool after = i > 0 && pieces[i - 1].token->swallows_right;
    const bool before = i + 1 < pieces.size() && pieces[i + 1].token->swallows_left;
    if (after) pieces[i].text = without_leading_space(pieces[i].text);
    if (before) pieces[i].text = without_trailing_space(pieces[i].text);
  }
  std::erase_if(pieces, [](const TextPiece& piece) { return piece.text.empty(); });
}

}  // namespace

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

std::vector<TextPiece> AddedTokens::split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t plain_begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const AddedToken* token =
        may_start_[static_cast<unsigned char>(text[at])] ? longest_at(text.substr(at)) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    if (at > plain_begin) pieces.push_back({text.substr(plain_begin, at - plain_begin), nullptr});
    pieces.push_back({text.substr(at, token->text.size()), token});
    at += token->text.size();
    plain_begin = at;
  }
  if (plain_begin < text.size()) pieces.push_back({text.substr(plain_begin), nullptr});
  strip_beside_tokens(pieces);
  return pieces;
}

}  // namespace vlm
