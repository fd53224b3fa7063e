#include "language/llama_codec.h"

#include <algorithm>
#include <utility>

namespace vlm {
namespace {

// U+2581, how vocabularies spell a blank.
constexpr std::string_view kBlankSymbol = "\xE2\x96\x81";

std::string with_plain_blanks(std::string_view text) {
  std::string result(text);
  for (std::size_t at = 0; (at = result.find(kBlankSymbol, at)) != std::string::npos; ++at) {
    result.replace(at, kBlankSymbol.size(), " ");
  }
  return result;
}

}  // namespace

LlamaCodec::LlamaCodec(SentencePieceModel model, AddedTokens added, BlankRule rule,
                       std::string unknown)
    : model_(std::move(model)),
      added_(std::move(added)),
      rule_(rule),
      unknown_(std::move(unknown)),
      unknown_tokens_(model_.encode(unknown_).size()) {}

std::size_t LlamaCodec::id_limit() const {
  return std::max(model_.size(), added_.id_limit());
}

bool LlamaCodec::in_model(TokenId id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < model_.size();
}

std::vector<TokenId> LlamaCodec::encode(std::string_view text) const {
  return rule_ == BlankRule::kEveryPiece || text.empty() ? encode_pieces(text)
                                                         : encode_from_start(text);
}

std::vector<TokenId> LlamaCodec::encode_pieces(std::string_view text) const {
  std::vector<TokenId> ids;
  for (const TextPiece& piece : added_.split(text)) {
    if (piece.token != nullptr) {
      ids.push_back(piece.token->id);
      continue;
    }
    const std::vector<TokenId> piece_ids = encode_piece(piece.text);
    ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
  }
  return ids;
}

// hf: LlamaTokenizer._tokenize: text before a piece that starts with a blank keeps a model that
// trims its input from taking the blank away.
std::vector<TokenId> LlamaCodec::encode_piece(std::string_view text) const {
  const bool has_blank = text.starts_with(' ') || text.starts_with(kBlankSymbol);
  if (rule_ == BlankRule::kEveryPiece || !has_blank) return model_.encode(text);
  std::vector<TokenId> ids = model_.encode(unknown_ + std::string(text));
  const std::size_t dropped = ids.size() >= unknown_tokens_ ? unknown_tokens_ : 0;
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(dropped));
  return ids;
}

// hf: LlamaTokenizer.tokenize with legacy=False: the blank before a special token goes again.
std::vector<TokenId> LlamaCodec::encode_from_start(std::string_view text) const {
  std::vector<TokenId> ids = encode_pieces(std::string(kBlankSymbol) + with_plain_blanks(text));
  const bool blank_before_special =
      ids.size() > 1 && token(ids[0]) == kBlankSymbol && is_special(ids[1]);
  if (blank_before_special) ids.erase(ids.begin());
  return ids;
}

// hf: PreTrainedTokenizer._decode: tokens beyond the subword model stand between blanks.
std::string LlamaCodec::decode(std::span<const TokenId> ids, SpecialTokens special) const {
  std::string text;
  std::vector<TokenId> group;  // ids between two tokens beyond the model
  bool is_first = true;
  const auto append = [&](const std::string& part) {
    if (!is_first) text += ' ';
    text += part;
    is_first = false;
  };
  const auto append_group = [&] {
    const std::string part = decode_group(group);
    if (!part.empty()) append(part);
    group.clear();
  };
  for (const TokenId id : ids) {
    const AddedToken* token = added_.find(id);
    if (token != nullptr && token->special && special == SpecialTokens::kSkip) continue;
    if (in_model(id)) {
      group.push_back(id);
    } else if (token != nullptr) {
      append_group();
      append(token->text);
    }
  }
  append_group();
  return text;
}

// hf: LlamaTokenizer.convert_tokens_to_string: a control token is spelled out, in legacy mode with
// a blank before it except at the start and after another; runs are decoded on their own.
std::string LlamaCodec::decode_group(std::span<const TokenId> ids) const {
  std::string text;
  std::vector<TokenId> run;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const AddedToken* token = added_.find(ids[i]);
    if (token == nullptr) {
      run.push_back(ids[i]);
      continue;
    }
    const bool after_control = i > 0 && run.empty();
    if (rule_ == BlankRule::kEveryPiece && i > 0 && !after_control) text += ' ';
    text += decode_run(run, run.size() == i) + token->text;
    run.clear();
  }
  return text + decode_run(run, run.size() == ids.size());
}

// A model that adds the first blank of a run drops it here; LlamaTokenizer drops one more of the
// first run.
std::string LlamaCodec::decode_run(std::span<const TokenId> run, bool is_first) const {
  if (run.empty()) return "";
  std::string text = model_.decode(run);
  const bool drops_blank = is_first && model_.token(run.front()).starts_with(kBlankSymbol);
  if (drops_blank && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::optional<TokenId> LlamaCodec::find(std::string_view token) const {
  if (const AddedToken* added = added_.find(token)) return added->id;
  return model_.find(token);
}

std::string LlamaCodec::token(TokenId id) const {
  if (const AddedToken* added = added_.find(id)) return added->text;
  return in_model(id) ? model_.token(id) : "";
}

bool LlamaCodec::is_special(TokenId id) const {
  const AddedToken* added = added_.find(id);
  return added != nullptr && added->special;
}

}  // namespace vlm
