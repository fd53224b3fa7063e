#include "language/tokenizer_json.h"

#include <map>
#include <set>

#include "core/error.h"
#include "core/json_fields.h"
#include "language/bpe_parser.h"
#include "language/tokenizer_files.h"

namespace vlm {
namespace {

std::vector<AddedToken> parse_added_tokens(const JsonFields& file) {
  const std::string where = file.where() + ": added_tokens";
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  const Json& list = file.json().at("added_tokens");
  if (!list.is_array()) throw Error(ErrorCode::kCorruptFile, "expected a list: " + where);
  std::set<TokenId> ids;
  for (const Json& entry : list) {
    const JsonFields fields(entry, where + ": " + std::to_string(tokens.size()));
    tokens.push_back(
        parse_added_token(checked_token_id(fields.size("id"), fields.where()), fields));
    if (ids.insert(tokens.back().id).second) continue;
    throw Error(ErrorCode::kCorruptFile,
                "two added tokens have one id: " + where + ": " + std::to_string(tokens.back().id));
  }
  return tokens;
}

}  // namespace

TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  const JsonFields file(json, path.string());
  return {TextNormalizer(file), PreTokenizer(file),       parse_bpe_model(file),
          TokenDecoder(file),   parse_added_tokens(file), parse_post_processor(file)};
}

void check_added_tokens(const std::vector<AddedToken>& tokens, const BpeModel& model,
                        const std::string& where) {
  std::map<std::string_view, TokenId> id_of;
  const auto fail = [&](const std::string& what, const AddedToken& token) {
    throw Error(ErrorCode::kCorruptFile,
                what + ": " + where + ": " + token.text + ": " + std::to_string(token.id));
  };
  for (const AddedToken& token : tokens) {
    if (!id_of.emplace(token.text, token.id).second) fail("added token has two ids", token);
    if (model.find(token.text).value_or(token.id) != token.id) {
      fail("added token has another id in the vocabulary", token);
    }
    if (model.token(token.id).value_or(token.text) != token.text) {
      fail("id of an added token is another token's in the vocabulary", token);
    }
  }
}

}  // namespace vlm
