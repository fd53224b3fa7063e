#include "merge/tokenizer_rule_parser.h"

#include <yaml-cpp/yaml.h>

#include "merge/model_name.h"
#include "merge/yaml_fields.h"

namespace vlm {
namespace {

void read_token_of_model(const YAML::Node& node, const std::string& where, TokenRule& rule) {
  const YamlFields fields(node, where, "a token's source", {"kind", "model", "token", "token_id"});
  const std::string kind = fields.text("kind");
  if (kind == "zero") {
    rule.source = RowSource::kZero;
    return;
  }
  if (kind != "model_token") {
    fail_at(fields.at("kind"), where, "kind of a token's source must be zero or model_token",
            "'" + kind + "'");
  }
  if (!fields.has("model")) fail_at(node, where, "a token's source lacks a key", "'model'");
  if (fields.has("token") == fields.has("token_id")) {
    fail_at(node, where, "a model's token is named by either 'token' or 'token_id'",
            fields.has("token") ? "both" : "neither");
  }
  rule.source = RowSource::kModelToken;
  rule.model = read_model_name(fields.at("model"), where);
  if (fields.has("token")) rule.of_token = fields.text("token");
  if (fields.has("token_id")) rule.of_id = yaml_size(fields.at("token_id"), where, "token_id");
}

// {kind, ...}, or a model as a name or a mapping.
void read_row_source(const YAML::Node& node, const std::string& where, TokenRule& rule) {
  if (node.IsMap() && node["kind"].IsDefined()) return read_token_of_model(node, where, rule);
  rule.source = RowSource::kModel;
  rule.model = read_model_name(node, where);
}

TokenRule read_token(const YamlEntry& entry, const std::string& where) {
  const YamlFields fields(entry.value, where, "a token", {"source", "force"});
  TokenRule rule;
  rule.token = entry.key;
  if (fields.has("source")) read_row_source(fields.at("source"), where, rule);
  if (fields.has("force")) rule.is_forced = yaml_boolean(fields.at("force"), where, "force");
  return rule;
}

}  // namespace

TokenizerRule read_tokenizer_source(const YAML::Node& node, const std::string& where) {
  TokenizerRule rule;
  const std::string name = read_model_name(node, where);
  if (name == "union") return rule;
  rule.source = name == "base" ? VocabularySource::kBase : VocabularySource::kModel;
  if (rule.source == VocabularySource::kModel) rule.model = name;
  return rule;
}

TokenizerRule read_tokenizer_rule(const YAML::Node& node, const std::string& where) {
  const YamlFields fields(node, where, "tokenizer", {"source", "tokens", "pad_to_multiple_of"});
  TokenizerRule rule;
  if (fields.has("source")) rule = read_tokenizer_source(fields.at("source"), where);
  if (fields.has("tokens")) {
    const YAML::Node tokens = fields.at("tokens");
    if (!tokens.IsMap())
      fail_at(tokens, where, "tokens must be a mapping", "another kind of value");
    for (const YamlEntry& entry : yaml_entries(tokens, where)) {
      rule.tokens.push_back(read_token(entry, where));
    }
  }
  if (fields.has("pad_to_multiple_of")) {
    const YAML::Node multiple = fields.at("pad_to_multiple_of");
    rule.multiple = yaml_size(multiple, where, "pad_to_multiple_of");
    if (rule.multiple == 0) {
      fail_at(multiple, where, "pad_to_multiple_of must be at least 1", "0");
    }
  }
  return rule;
}

}  // namespace vlm
