#include "language/tokenizer.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "language/sentencepiece_model.h"
#include "language/tokenizer_files.h"

namespace vlm {
namespace {

// U+2581, how vocabularies spell a blank.
constexpr std::string_view kBlankSymbol = "\xE2\x96\x81";

}  // namespace

Tokenizer Tokenizer::load(const std::filesystem::path& model_directory) {
  const std::filesystem::path path = model_directory / "tokenizer.model";
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorCode::kNotFound, "no tokenizer: " + path.string() + ": no such file");
  }
  std::unique_ptr<SubwordModel> model = parse_sentencepiece_model(read_text_file(path), path);
  TokenizerSettings settings = read_tokenizer_settings(model_directory, *model);
  return {std::move(model), std::move(settings.added), settings.roles};
}

Tokenizer::Tokenizer(std::unique_ptr<SubwordModel> model, AddedTokens added, Roles roles)
    : model_(std::move(model)),
      added_(std::move(added)),
      roles_(roles),
      vocab_size_(std::max(model_->size(), added_.id_limit())) {}

bool Tokenizer::in_model(TokenId id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < model_->size();
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, AddBos add_bos) const {
  std::vector<TokenId> ids;
  const bool wants_bos =
      add_bos == AddBos::kYes || (add_bos == AddBos::kAsConfigured && roles_.add_bos);
  if (wants_bos && roles_.bos) ids.push_back(*roles_.bos);
  for (const TextPiece& piece : added_.split(text)) {
    if (piece.token != nullptr) {
      ids.push_back(piece.token->id);
      continue;
    }
    const std::vector<TokenId> piece_ids = model_->encode(piece.text);
    ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
  }
  if (add_bos == AddBos::kAsConfigured && roles_.add_eos && roles_.eos) ids.push_back(*roles_.eos);
  return ids;
}

// hf: PreTrainedTokenizer._decode: tokens beyond the subword model stand between blanks.
std::string Tokenizer::decode(std::span<const TokenId> ids, SpecialTokens special) const {
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
    if (id < 0) throw Error(ErrorCode::kInvalidArgument, "not a token id: " + std::to_string(id));
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

// hf: LlamaTokenizer.convert_tokens_to_string: a control token is spelled out, with a blank before
// it except at the start and after another; the runs between them are decoded on their own.
std::string Tokenizer::decode_group(std::span<const TokenId> ids) const {
  std::string text;
  std::vector<TokenId> run;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const AddedToken* token = added_.find(ids[i]);
    if (token == nullptr) {
      run.push_back(ids[i]);
      continue;
    }
    const bool after_control = i > 0 && run.empty();
    if (i > 0 && !after_control) text += ' ';
    text += decode_run(run, run.size() == i) + token->text;
    run.clear();
  }
  return text + decode_run(run, run.size() == ids.size());
}

// The subword model drops the first blank of a run; LlamaTokenizer drops one more of the first run.
std::string Tokenizer::decode_run(std::span<const TokenId> run, bool is_first) const {
  if (run.empty()) return "";
  std::string text = model_->decode(run);
  const bool drops_blank = is_first && model_->token(run.front()).starts_with(kBlankSymbol);
  if (drops_blank && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  if (const AddedToken* added = added_.find(token)) return added->id;
  return model_->find(token);
}

std::string Tokenizer::token(TokenId id) const {
  if (const AddedToken* added = added_.find(id)) return added->text;
  return in_model(id) ? model_->token(id) : "";
}

bool Tokenizer::is_special(TokenId id) const {
  const AddedToken* added = added_.find(id);
  return added != nullptr && added->special;
}

}  // namespace vlm
