#include "merge/tokenizer_files.h"

#include <array>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "merge/ordered_json.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 10> kTokenizerFiles = {"tokenizer.json",
                                                         "tokenizer.model",
                                                         "tokenizer_config.json",
                                                         "special_tokens_map.json",
                                                         "added_tokens.json",
                                                         "vocab.json",
                                                         "merges.txt",
                                                         "chat_template.jinja",
                                                         "chat_template.json",
                                                         "generation_config.json"};

// In the order that files have.
OrderedJson added_entry(std::size_t id, const Token& token) {
  const Json& flags = token.added;
  OrderedJson entry = OrderedJson::object();
  entry["id"] = id;
  for (const char* const key :
       {"content", "single_word", "lstrip", "rstrip", "normalized", "special"}) {
    entry[key] = flags.at(key);
  }
  return entry;
}

// Nothing if the config does not list added tokens and need not.
std::optional<std::string> with_decoder_entries(const std::optional<std::string>& config,
                                                const std::string& where, bool has_tokenizer_json,
                                                const NewTokens& added) {
  OrderedJson json = config ? parse_ordered(*config, where) : OrderedJson::object();
  const auto decoder = json.find("added_tokens_decoder");
  if (decoder == json.end() && has_tokenizer_json) return std::nullopt;
  OrderedJson entries = decoder == json.end() ? OrderedJson::object() : *decoder;
  for (const auto& [id, token] : added) {
    OrderedJson entry = added_entry(id, token);
    entry.erase("id");
    entries[std::to_string(id)] = entry;
  }
  json["added_tokens_decoder"] = entries;
  return written(json);
}

std::string with_added_ids(const std::string& text, const std::string& where,
                           const NewTokens& added) {
  OrderedJson json = parse_ordered(text, where);
  for (const auto& [id, token] : added) json[token.text] = id;
  return written(json);
}

// The files of a tokenizer while tokens are added to it.
class TokenizerFiles {
 public:
  explicit TokenizerFiles(fs::path owner) : owner_(std::move(owner)) {}

  [[nodiscard]] std::optional<std::string> read(const std::string& name) const {
    if (!fs::exists(owner_ / name)) return std::nullopt;
    return read_text_file(owner_ / name);
  }

  [[nodiscard]] std::map<std::string, std::string> with(const NewTokens& added) const {
    std::map<std::string, std::string> files;
    const auto vocabulary = read("tokenizer.json");
    if (vocabulary) {
      files["tokenizer.json"] = with_added_tokens(*vocabulary, path("tokenizer.json"), added);
    }
    auto config = with_decoder_entries(read("tokenizer_config.json"), path("tokenizer_config.json"),
                                       vocabulary.has_value(), added);
    if (config) files["tokenizer_config.json"] = std::move(*config);
    if (const auto ids = read("added_tokens.json")) {
      files["added_tokens.json"] = with_added_ids(*ids, path("added_tokens.json"), added);
    }
    return files;
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return (owner_ / name).string(); }

  fs::path owner_;
};

}  // namespace

std::string with_added_tokens(const std::string& tokenizer_json, const std::string& where,
                              const NewTokens& added) {
  OrderedJson json = parse_ordered(tokenizer_json, where);
  OrderedJson& list = json["added_tokens"];
  if (list.is_null()) list = OrderedJson::array();
  if (!list.is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list: " + where + ": added_tokens");
  }
  for (const auto& [id, token] : added) list.push_back(added_entry(id, token));
  return written(json);
}

SideFileChanges change_tokenizer(const fs::path& donor, const fs::path& owner,
                                 const NewTokens& added) {
  SideFileChanges changes;
  const TokenizerFiles files(owner);
  if (donor != owner) {
    for (const char* const name : kTokenizerFiles) {
      if (auto content = files.read(name)) {
        changes.written[name] = std::move(*content);
      } else if (fs::exists(donor / name)) {
        changes.dropped.insert(name);
      }
    }
  }
  if (added.empty()) return changes;
  for (auto& [name, content] : files.with(added)) changes.written[name] = content;
  return changes;
}

}  // namespace vlm
