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

TokenId checked_id(std::size_t id, const std::string& where) {
  if (id > kLargestId) {
    throw Error(ErrorCode::kCorruptFile,
                "token id too large: " + where + ": " + std::to_string(id));
  }
  return static_cast<TokenId>(id);
}

TokenId parse_id(const std::string& digits, const std::string& where) {
  std::size_t id = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, id);
  if (error != std::errc() || stop != end) {
    throw Error(ErrorCode::kCorruptFile, "expected a token id: " + where + ": " + digits);
  }
  return checked_id(id, where);
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
    AddedToken token;
    token.id = parse_id(digits, decoder.where());
    token.text = fields.text("content");
    token.special = fields.boolean_or("special", false);
    token.swallows_left = fields.boolean_or("lstrip", false);
    token.swallows_right = fields.boolean_or("rstrip", false);
    tokens.emplace(token.id, std::move(token));
  }
}

void add_from_added_tokens(const JsonFields& added, TokensById& tokens) {
  for (const auto& entry : added.json().items()) {
    AddedToken token;
    token.id = checked_id(added.size(entry.key()), added.where());
    token.text = entry.key();
    tokens.emplace(token.id, std::move(token));
  }
}

void add_control_tokens(const SubwordModel& model, TokensById& tokens) {
  const auto size = static_cast<TokenId>(model.size());
  for (TokenId id = 0; id < size; ++id) {
    if (!model.is_control(id)) continue;
    AddedToken token;
    token.id = id;
    token.text = model.token(id);
    token.special = true;
    tokens.emplace(id, std::move(token));
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

std::optional<TokenId> find_role(const RoleSources& sources, std::string_view key,
                                 const std::string& fallback, TokensById& tokens) {
  std::string text = token_text(sources.config, key);
  if (text.empty()) text = token_text(sources.special_map, key);
  if (text.empty() && !sources.config.json().contains(key)) text = fallback;
  if (text.empty()) return std::nullopt;
  mark_special(tokens, text);
  for (const auto& [id, token] : tokens) {
    if (token.text == text) return id;
  }
  return std::nullopt;
}

void check_supported(const JsonFields& config) {
  if (config.boolean_or("legacy", true)) return;
  throw Error(ErrorCode::kUnsupported,
              "only legacy SentencePiece tokenization: " + config.where() + ": legacy = false");
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const std::filesystem::path& model_directory,
                                          const SubwordModel& model) {
  const auto config_path = model_directory / "tokenizer_config.json";
  const auto added_path = model_directory / "added_tokens.json";
  const auto map_path = model_directory / "special_tokens_map.json";
  const Json config_json = read_optional(config_path);
  const Json added_json = read_optional(added_path);
  const Json map_json = read_optional(map_path);
  const RoleSources sources{JsonFields(config_json, config_path.string()),
                            JsonFields(map_json, map_path.string())};
  check_supported(sources.config);

  TokensById tokens;
  add_from_config(sources.config, tokens);
  add_from_added_tokens(JsonFields(added_json, added_path.string()), tokens);
  add_control_tokens(model, tokens);
  mark_additional_special(sources.config, tokens);
  mark_additional_special(sources.special_map, tokens);

  TokenizerSettings settings;
  settings.roles.bos = find_role(sources, "bos_token", "<s>", tokens);
  settings.roles.eos = find_role(sources, "eos_token", "</s>", tokens);
  settings.roles.pad = find_role(sources, "pad_token", "", tokens);
  settings.roles.add_bos = sources.config.boolean_or("add_bos_token", true);
  settings.roles.add_eos = sources.config.boolean_or("add_eos_token", false);
  std::vector<AddedToken> list;
  for (auto& [id, token] : tokens) list.push_back(std::move(token));
  settings.added = AddedTokens(std::move(list));
  return settings;
}

}  // namespace vlm
