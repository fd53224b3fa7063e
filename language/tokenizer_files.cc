#include "language/tokenizer_files.h"

#include <charconv>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

// Far more than any vocabulary, and small enough for sums of ids.
constexpr std::size_t kLargestId = std::size_t{1} << 28U;

Json read_optional(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? read_json_file(path) : Json::object();
}

TokenId parse_id(const std::string& digits, const std::string& where) {
  std::size_t id = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, id);
  if (error != std::errc() || stop != end) {
    throw Error(ErrorCode::kCorruptFile, "expected a token id: " + where + ": " + digits);
  }
  return checked_token_id(id, where);
}

// A token given as "text" or as {"content": "text", ...}.
std::string token_text(const JsonFields& fields, std::string_view key) {
  if (!fields.has(key)) return "";
  const Json& value = fields.json().at(std::string(key));
  return value.is_object() ? fields.object(key).text("content") : fields.text(key);
}

// Added tokens by id while the files are read; later files do not replace earlier entries.
using TokensById = std::map<TokenId, AddedToken>;

void add_from_config(const JsonFields& config, TokensById& tokens) {
  if (!config.has("added_tokens_decoder")) return;
  const JsonFields decoder = config.object("added_tokens_decoder");
  for (const auto& [digits, entry] : decoder.json().items()) {
    const JsonFields fields(entry, decoder.where() + ": " + digits);
    const TokenId id = parse_id(digits, decoder.where());
    tokens.emplace(id, parse_added_token(id, fields));
  }
}

void add_from_added_tokens(const JsonFields& added, TokensById& tokens) {
  for (const auto& entry : added.json().items()) {
    AddedToken token;
    token.id = checked_token_id(added.size(entry.key()), added.where());
    token.text = entry.key();
    token.normalized = true;
    tokens.emplace(token.id, std::move(token));
  }
}

// An id has one spelling, so a token known under the id of another is an error.
void add_known(const KnownTokens& known, const std::string& where, TokensById& tokens) {
  for (const AddedToken& token : known.added) {
    const auto [entry, is_new] = tokens.emplace(token.id, token);
    if (is_new || entry->second.text == token.text) continue;
    throw Error(ErrorCode::kCorruptFile, "two added tokens have one id: " + where + ": " +
                                             entry->second.text + " and " + token.text);
  }
}

void mark_special(TokensById& tokens, const std::string& text) {
  for (auto& [id, token] : tokens) token.special = token.special || token.text == text;
}

void mark_additional_special(const JsonFields& fields, TokensById& tokens) {
  if (!fields.has("additional_special_tokens")) return;
  const Json& list = fields.json().at("additional_special_tokens");
  if (!list.is_array()) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a list: " + fields.where() + ": additional_special_tokens");
  }
  for (const Json& entry : list) {
    const Json wrapped = {{"token", entry}};
    mark_special(tokens, token_text({wrapped, fields.where()}, "token"));
  }
}

// The JSON files, where the roles of tokens are looked up in order.
struct RoleSources {
  JsonFields config;
  JsonFields special_map;
};

std::string role_text(const RoleSources& sources, std::string_view key) {
  const std::string text = token_text(sources.config, key);
  return text.empty() ? token_text(sources.special_map, key) : text;
}

std::optional<TokenId> find_added(const TokensById& tokens, const std::string& text) {
  for (const auto& [id, token] : tokens) {
    if (token.text == text) return id;
  }
  return std::nullopt;
}

// A token of the vocabulary that the files give a role is an added token from then on.
std::optional<TokenId> find_role(const RoleSources& sources, std::string_view key,
                                 const std::string& fallback, const KnownTokens& known,
                                 TokensById& tokens) {
  std::string text = role_text(sources, key);
  if (!text.empty() && !find_added(tokens, text)) {
    if (const std::optional<TokenId> id = known.find(text)) {
      AddedToken token;
      token.id = *id;
      token.text = text;
      tokens.emplace(*id, std::move(token));
    }
  }
  if (text.empty() && !sources.config.json().contains(key)) text = fallback;
  if (text.empty()) return std::nullopt;
  mark_special(tokens, text);
  return find_added(tokens, text);
}

std::optional<bool> optional_boolean(const JsonFields& fields, std::string_view key) {
  return fields.has(key) ? std::optional(fields.boolean_or(key, false)) : std::nullopt;
}

}  // namespace

TokenId checked_token_id(std::size_t id, const std::string& where) {
  if (id > kLargestId) {
    throw Error(ErrorCode::kCorruptFile,
                "token id too large: " + where + ": " + std::to_string(id));
  }
  return static_cast<TokenId>(id);
}

TokenizerSettings read_tokenizer_settings(const std::filesystem::path& model_directory,
                                          const KnownTokens& known) {
  const auto config_path = model_directory / "tokenizer_config.json";
  const auto added_path = model_directory / "added_tokens.json";
  const auto map_path = model_directory / "special_tokens_map.json";
  const Json config_json = read_optional(config_path);
  const Json added_json = read_optional(added_path);
  const Json map_json = read_optional(map_path);
  const RoleSources sources{JsonFields(config_json, config_path.string()),
                            JsonFields(map_json, map_path.string())};

  TokensById tokens;
  add_from_config(sources.config, tokens);
  add_from_added_tokens(JsonFields(added_json, added_path.string()), tokens);
  add_known(known, config_path.string(), tokens);
  mark_additional_special(sources.config, tokens);
  mark_additional_special(sources.special_map, tokens);

  TokenizerSettings settings;
  settings.roles.bos = find_role(sources, "bos_token", "<s>", known, tokens);
  settings.roles.eos = find_role(sources, "eos_token", "</s>", known, tokens);
  settings.roles.pad = find_role(sources, "pad_token", "", known, tokens);
  find_role(sources, "unk_token", "", known, tokens);
  settings.add_bos = optional_boolean(sources.config, "add_bos_token");
  settings.add_eos = optional_boolean(sources.config, "add_eos_token");
  settings.legacy = sources.config.boolean_or("legacy", true);
  settings.unknown = role_text(sources, "unk_token");
  if (settings.unknown.empty()) settings.unknown = "<unk>";
  for (auto& [id, token] : tokens) settings.added.push_back(std::move(token));
  return settings;
}

}  // namespace vlm
