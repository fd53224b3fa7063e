#include "checkpoint/token_table.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "checkpoint/sentencepiece_table.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

// Far more than any vocabulary.
constexpr std::size_t kLargestId = std::size_t{1} << 24U;

std::size_t checked_id(std::size_t id, const std::string& where) {
  if (id <= kLargestId) return id;
  throw Error(ErrorCode::kCorruptFile, "token id too large: " + where + ": " + std::to_string(id));
}

// The flags of an added token; those that are absent are off.
Json added_entry(const JsonFields& fields) {
  Json entry = plain_added_token(fields.text("content"), fields.boolean_or("special", false));
  for (const char* const flag : {"single_word", "lstrip", "rstrip"}) {
    entry[flag] = fields.boolean_or(flag, false);
  }
  entry["normalized"] = fields.boolean_or("normalized", !entry.at("special").get<bool>());
  return entry;
}

void add_added(std::size_t id, const JsonFields& fields, TokenTable& table) {
  Json entry = added_entry(fields);
  std::string text = entry.at("content").get<std::string>();
  table.add(checked_id(id, fields.where()), {std::move(text), true, std::move(entry)});
}

const Json& list_in(const JsonFields& object, const char* key) {
  const Json& list = object.json().at(key);
  if (list.is_array()) return list;
  throw Error(ErrorCode::kCorruptFile, "expected a list: " + object.where() + ": " + key);
}

// BPE, WordLevel and WordPiece: {text: id}.
void add_vocabulary_map(const JsonFields& vocabulary, TokenTable& table) {
  for (const auto& entry : vocabulary.json().items()) {
    const std::size_t id = vocabulary.size(entry.key());
    table.add(checked_id(id, vocabulary.where()), {entry.key(), false, {}});
  }
}

// Unigram: [[text, score], ...], the id is the place.
void add_vocabulary_list(const Json& list, const std::string& where, TokenTable& table) {
  std::size_t id = 0;
  for (const Json& entry : list) {
    if (!entry.is_array() || entry.empty() || !entry.front().is_string()) {
      throw Error(ErrorCode::kCorruptFile,
                  "expected [text, score]: " + where + ": vocab: " + json_line(entry));
    }
    table.add(id++, {entry.front().get<std::string>(), false, {}});
  }
}

void add_sentencepiece(const fs::path& file, TokenTable& table) {
  const SentencePieceTable pieces = parse_sentencepiece_table(read_text_file(file), file.string());
  std::size_t id = 0;
  for (const SentencePiece& piece : pieces.pieces) {
    const bool is_added = piece.type == PieceType::kControl;
    table.add(id++,
              {piece.text, is_added, is_added ? plain_added_token(piece.text, true) : Json()});
  }
}

void add_config(const fs::path& file, TokenTable& table) {
  if (!fs::exists(file)) return;
  const Json json = read_json_file(file);
  const JsonFields config(json, file.string());
  if (!config.has("added_tokens_decoder")) return;
  const JsonFields decoder = config.object("added_tokens_decoder");
  for (const auto& entry : decoder.json().items()) {
    const std::string& digits = entry.key();
    std::size_t id = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, id);
    if (error != std::errc{} || stop != end) {
      throw Error(ErrorCode::kCorruptFile, "not a token id: " + decoder.where() + ": " + digits);
    }
    add_added(id, decoder.object(digits), table);
  }
}

void add_added_tokens(const fs::path& file, TokenTable& table) {
  if (!fs::exists(file)) return;
  const Json json = read_json_file(file);
  const JsonFields added(json, file.string());
  for (const auto& entry : added.json().items()) {
    table.add(checked_id(added.size(entry.key()), added.where()),
              {entry.key(), true, plain_added_token(entry.key(), false)});
  }
}

}  // namespace

Json plain_added_token(std::string_view text, bool is_special) {
  return {{"content", text}, {"single_word", false},      {"lstrip", false},
          {"rstrip", false}, {"normalized", !is_special}, {"special", is_special}};
}

void TokenTable::add(std::size_t id, Token token) {
  if (by_id_.contains(id) || by_text_.contains(token.text)) return;
  by_text_.emplace(token.text, id);
  by_id_.emplace(id, std::move(token));
}

std::optional<std::size_t> TokenTable::find(std::string_view text) const {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? std::nullopt : std::optional(found->second);
}

void add_tokenizer_json(const Json& file, const std::string& where, TokenTable& table) {
  const JsonFields whole(file, where);
  if (whole.has("added_tokens")) {
    for (const Json& token : list_in(whole, "added_tokens")) {
      const JsonFields fields(token, where + ": added_tokens");
      add_added(fields.size("id"), fields, table);
    }
  }
  const JsonFields model = whole.object("model");
  if (!model.has("vocab")) {
    throw Error(ErrorCode::kUnsupported, "tokenizer without a vocabulary: " + model.where());
  }
  const Json& vocabulary = model.json().at("vocab");
  if (vocabulary.is_array()) {
    add_vocabulary_list(vocabulary, model.where(), table);
  } else {
    add_vocabulary_map(model.object("vocab"), table);
  }
}

TokenTable TokenTable::load(const fs::path& model_directory) {
  const fs::path json = model_directory / "tokenizer.json";
  const fs::path model = model_directory / "tokenizer.model";
  TokenTable table;
  if (fs::exists(json)) {
    add_tokenizer_json(read_json_file(json), json.string(), table);
  } else if (fs::exists(model)) {
    add_sentencepiece(model, table);
  } else {
    throw Error(ErrorCode::kNotFound, "no tokenizer: " + model_directory.string() +
                                          ": neither tokenizer.json nor tokenizer.model");
  }
  add_config(model_directory / "tokenizer_config.json", table);
  add_added_tokens(model_directory / "added_tokens.json", table);
  return table;
}

}  // namespace vlm
