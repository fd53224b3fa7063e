#include "language/tokenizer.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "language/json_codec.h"
#include "language/llama_codec.h"
#include "language/sentencepiece_model.h"
#include "language/tokenizer_files.h"
#include "language/tokenizer_json.h"

namespace vlm {
namespace {

std::vector<TokenId> as_list(std::optional<TokenId> id) {
  return id ? std::vector<TokenId>{*id} : std::vector<TokenId>{};
}

KnownTokens known_tokens(const SentencePieceModel& model) {
  KnownTokens known;
  known.find = [&model](std::string_view text) { return model.find(text); };
  const auto size = static_cast<TokenId>(model.size());
  for (TokenId id = 0; id < size; ++id) {
    if (!model.is_control(id)) continue;
    AddedToken token;
    token.id = id;
    token.text = model.token(id);
    token.special = true;
    known.added.push_back(std::move(token));
  }
  return known;
}

// Adds a special token behind all others unless it is there; an empty one is none.
void add_if_missing(std::string_view text, std::size_t vocabulary_size, const KnownTokens& known,
                    std::vector<AddedToken>& added) {
  const auto has_text = [text](const AddedToken& token) { return token.text == text; };
  if (text.empty() || std::ranges::any_of(added, has_text)) return;
  auto next = static_cast<TokenId>(vocabulary_size);
  for (const AddedToken& token : added) next = std::max(next, token.id + 1);
  AddedToken token;
  token.id = known.find(text).value_or(next);
  token.text = text;
  token.special = true;
  added.push_back(std::move(token));
}

Tokenizer load_sentencepiece(const std::filesystem::path& model_directory,
                             const std::filesystem::path& path, std::string_view wanted_token) {
  const std::string bytes = read_text_file(path);
  SentencePieceModel model(bytes, path);
  const KnownTokens known = known_tokens(model);
  TokenizerSettings settings = read_tokenizer_settings(model_directory, known);
  add_if_missing(wanted_token, model.size(), known, settings.added);
  Tokenizer::Roles& roles = settings.roles;
  if (settings.add_bos.value_or(true)) roles.before = as_list(roles.bos);
  if (settings.add_eos.value_or(false)) roles.after = as_list(roles.eos);
  if (!settings.legacy) model = SentencePieceModel(bytes, path, DummyPrefix::kNo);
  const BlankRule rule = settings.legacy ? BlankRule::kEveryPiece : BlankRule::kTextStart;
  return {std::make_unique<LlamaCodec>(std::move(model), AddedTokens(std::move(settings.added)),
                                       rule, settings.unknown),
          roles};
}

Tokenizer load_json(const std::filesystem::path& model_directory, const std::filesystem::path& path,
                    std::string_view wanted_token) {
  TokenizerJson parts = read_tokenizer_json(path);
  const KnownTokens known{parts.added,
                          [&parts](std::string_view text) { return parts.model.find(text); }};
  TokenizerSettings settings = read_tokenizer_settings(model_directory, known);
  add_if_missing(wanted_token, parts.model.id_limit(), known, settings.added);
  check_added_tokens(settings.added, parts.model, path.string());
  Tokenizer::Roles& roles = settings.roles;
  roles.before = settings.add_bos ? as_list(*settings.add_bos ? roles.bos : std::nullopt)
                                  : parts.surroundings.before;
  roles.after = settings.add_eos ? as_list(*settings.add_eos ? roles.eos : std::nullopt)
                                 : parts.surroundings.after;
  return {std::make_unique<JsonCodec>(std::move(parts), std::move(settings.added)), roles};
}

}  // namespace

Tokenizer Tokenizer::load(const std::filesystem::path& model_directory) {
  return load_with(model_directory, "");
}

Tokenizer Tokenizer::load_with(const std::filesystem::path& model_directory,
                               std::string_view token) {
  const std::filesystem::path json = model_directory / "tokenizer.json";
  const std::filesystem::path model = model_directory / "tokenizer.model";
  if (std::filesystem::exists(json)) return load_json(model_directory, json, token);
  if (std::filesystem::exists(model)) return load_sentencepiece(model_directory, model, token);
  throw Error(ErrorCode::kNotFound, "no tokenizer: " + model_directory.string() +
                                        ": neither tokenizer.json nor tokenizer.model");
}

Tokenizer::Tokenizer(std::unique_ptr<TextCodec> codec, Roles roles)
    : codec_(std::move(codec)), roles_(std::move(roles)) {}

std::vector<TokenId> Tokenizer::encode(std::string_view text, AddBos add_bos) const {
  std::vector<TokenId> ids;
  if (add_bos == AddBos::kAsConfigured) ids = roles_.before;
  if (add_bos == AddBos::kYes) ids = as_list(roles_.bos);
  const std::vector<TokenId> text_ids = codec_->encode(text);
  ids.insert(ids.end(), text_ids.begin(), text_ids.end());
  if (add_bos == AddBos::kAsConfigured) {
    ids.insert(ids.end(), roles_.after.begin(), roles_.after.end());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, SpecialTokens special) const {
  for (const TokenId id : ids) {
    if (id < 0) throw Error(ErrorCode::kInvalidArgument, "not a token id: " + std::to_string(id));
  }
  return codec_->decode(ids, special);
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  return codec_->find(token);
}

std::string Tokenizer::token(TokenId id) const {
  return codec_->token(id);
}

bool Tokenizer::is_special(TokenId id) const {
  return codec_->is_special(id);
}

}  // namespace vlm
