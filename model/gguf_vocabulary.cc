#include "model/gguf_vocabulary.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "model/gguf_token_table.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::kUnsupported, what);
}

// tokenizer_config.json, or an empty object.
Json tokenizer_config(const fs::path& directory) {
  const fs::path file = directory / "tokenizer_config.json";
  Json config = fs::exists(file) ? read_json_file(file) : Json::object();
  JsonFields checked(config, file.string());
  return config;
}

PieceType type_of_added(const Json& token) {
  const auto special = token.find("special");
  const bool is_special = special != token.end() && special->is_boolean() && special->get<bool>();
  return is_special ? PieceType::kControl : PieceType::kUserDefined;
}

std::size_t parse_id(const std::string& text, const std::string& where) {
  constexpr std::size_t kLongest = 9;
  const bool is_number = !text.empty() && text.size() <= kLongest &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) throw Error(ErrorCode::kCorruptFile, "not a token id: " + where + ": " + text);
  return std::stoul(text);
}

// Tokens of tokenizer_config.json and added_tokens.json that the model file does not hold.
void add_tokens(const fs::path& directory, const Json& config, std::size_t num_rows,
                GgufTokenTable& table) {
  const std::string where = (directory / "tokenizer_config.json").string();
  const std::size_t known = table.size();
  const auto add = [&](std::size_t id, const std::string& text, PieceType type) {
    if (id >= known && id < num_rows) table.set(id, text, type);
  };
  if (const fs::path file = directory / "added_tokens.json"; fs::exists(file)) {
    const Json added = read_json_file(file);
    const JsonFields fields(added, file.string());
    for (const auto& [text, id] : added.items()) {
      add(fields.size(text), text, PieceType::kUserDefined);
    }
  }
  const auto decoder = config.find("added_tokens_decoder");
  if (decoder == config.end()) return;
  const JsonFields tokens(*decoder, where + ": added_tokens_decoder");
  for (const auto& [id, token] : decoder->items()) {
    add(parse_id(id, tokens.where()), tokens.object(id).text("content"), type_of_added(token));
  }
}

void add_table(const GgufTokenTable& table, bool has_scores, GgufMetadata& metadata) {
  metadata.emplace_back("tokenizer.ggml.tokens", table.texts());
  if (has_scores) metadata.emplace_back("tokenizer.ggml.scores", table.scores());
  metadata.emplace_back("tokenizer.ggml.token_type", table.types());
}

// SentencePiece.
void add_sentencepiece(const fs::path& directory, const Json& config, std::size_t num_rows,
                       GgufMetadata& metadata) {
  const fs::path file = directory / "tokenizer.model";
  const SentencePieceTable source = parse_sentencepiece_table(read_text_file(file), file.string());
  if (!source.is_bpe) fail("only BPE can be exported: " + file.string() + ": another model type");
  GgufTokenTable table;
  std::optional<std::size_t> unknown;
  for (const SentencePiece& piece : source.pieces) {
    if (piece.type == PieceType::kUnknown) unknown = table.size();
    table.set(table.size(), piece.text, piece.type, piece.score);
  }
  add_tokens(directory, config, num_rows, table);
  table.resize(num_rows);
  metadata.emplace_back("tokenizer.ggml.model", std::string("llama"));
  metadata.emplace_back("tokenizer.ggml.pre", std::string("default"));
  add_table(table, true, metadata);
  metadata.emplace_back("tokenizer.ggml.add_space_prefix", source.adds_prefix);
  if (unknown && *unknown < num_rows) {
    metadata.emplace_back("tokenizer.ggml.unknown_token_id", static_cast<std::uint32_t>(*unknown));
  }
}

// "a b", or ["a", "b"] as newer files have it.
std::string merge_text(const Json& merge, const std::string& where) {
  if (merge.is_string()) return merge.get<std::string>();
  const bool is_pair =
      merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
  if (!is_pair) {
    throw Error(ErrorCode::kCorruptFile, "not a merge: " + where + ": " + json_line(merge));
  }
  return merge[0].get<std::string>() + " " + merge[1].get<std::string>();
}

const Json& array_in(const JsonFields& object, const char* key) {
  const auto found = object.json().find(key);
  if (found == object.json().end() || !found->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list: " + object.where() + ": " + key);
  }
  return *found;
}

GgufTokenTable bpe_tokens(const Json& file, const JsonFields& model, std::size_t num_rows) {
  GgufTokenTable table;
  const JsonFields vocabulary = model.object("vocab");
  for (const auto& [text, id] : vocabulary.json().items()) {
    const std::size_t position = vocabulary.size(text);
    if (position < num_rows) table.set(position, text, PieceType::kNormal);
  }
  const JsonFields whole(file, model.where());
  if (!whole.has("added_tokens")) return table;
  for (const Json& token : array_in(whole, "added_tokens")) {
    const JsonFields fields(token, model.where() + ": added_tokens");
    const std::size_t id = fields.size("id");
    if (id < num_rows) table.set(id, fields.text("content"), type_of_added(token));
  }
  return table;
}

// Byte-level BPE.
void add_tokenizer_json(const fs::path& path, std::size_t num_rows, GgufMetadata& metadata) {
  const Json file = read_json_file(path);
  const JsonFields whole(file, path.string());
  const JsonFields model = whole.object("model");
  if (model.text_or("type", "BPE") != "BPE" || model.boolean_or("byte_fallback", false)) {
    fail("only byte-level BPE can be exported: " + path.string() + ": " +
         model.text_or("type", "BPE"));
  }
  const std::string pre = gguf_pre_tokenizer(whole.object("pre_tokenizer").json(), path.string());
  GgufTokenTable table = bpe_tokens(file, model, num_rows);
  table.resize(num_rows);
  std::vector<std::string> merges;
  for (const Json& merge : array_in(model, "merges")) {
    merges.push_back(merge_text(merge, path.string()));
  }
  metadata.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  metadata.emplace_back("tokenizer.ggml.pre", pre);
  add_table(table, false, metadata);
  metadata.emplace_back("tokenizer.ggml.merges", std::move(merges));
}

// A number, or the first of a list.
std::optional<std::uint32_t> token_id(const JsonFields& text, const char* key,
                                      std::size_t num_rows) {
  if (!text.has(key)) return std::nullopt;
  const Json& value = text.json().at(key);
  const Json& first = value.is_array() && !value.empty() ? value.front() : value;
  if (!first.is_number_unsigned() || first.get<std::uint64_t>() >= num_rows) return std::nullopt;
  return first.get<std::uint32_t>();
}

void add_roles(const JsonFields& text, const Json& config, bool is_sentencepiece,
               std::size_t num_rows, GgufMetadata& metadata) {
  const auto add = [&](const char* key, const char* name) {
    if (const auto id = token_id(text, key, num_rows)) metadata.emplace_back(name, *id);
  };
  add("bos_token_id", "tokenizer.ggml.bos_token_id");
  add("eos_token_id", "tokenizer.ggml.eos_token_id");
  add("pad_token_id", "tokenizer.ggml.padding_token_id");
  const JsonFields fields(config, "tokenizer_config.json");
  metadata.emplace_back("tokenizer.ggml.add_bos_token",
                        fields.boolean_or("add_bos_token", is_sentencepiece));
  metadata.emplace_back("tokenizer.ggml.add_eos_token", fields.boolean_or("add_eos_token", false));
  const auto chat = config.find("chat_template");
  if (chat != config.end() && chat->is_string()) {
    metadata.emplace_back("tokenizer.chat_template", chat->get<std::string>());
  }
}

}  // namespace

GgufMetadata gguf_vocabulary(const fs::path& directory, const JsonFields& text,
                             std::size_t num_rows) {
  GgufMetadata metadata;
  const Json config = tokenizer_config(directory);
  const bool is_sentencepiece = fs::exists(directory / "tokenizer.model");
  if (is_sentencepiece) {
    add_sentencepiece(directory, config, num_rows, metadata);
  } else if (const fs::path file = directory / "tokenizer.json"; fs::exists(file)) {
    add_tokenizer_json(file, num_rows, metadata);
  } else {
    throw Error(ErrorCode::kNotFound, "model has no tokenizer: " + directory.string() +
                                          ": neither tokenizer.model nor tokenizer.json");
  }
  add_roles(text, config, is_sentencepiece, num_rows, metadata);
  return metadata;
}

}  // namespace vlm
