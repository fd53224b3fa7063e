#include "merge/tokenizer_rule_parser.h"

#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "merge/model_name.h"
#include "merge/yaml_fields.h"

namespace vlm {
namespace {

class TokenReader {
 public:
  TokenReader(std::string where, IgnoredKeys* ignored)
      : where_(std::move(where)), ignored_(ignored) {}

  [[nodiscard]] TokenRule read(const YamlEntry& entry) const;

 private:
  void read_source(const YAML::Node& node, TokenRule& rule) const;
  void read_token_of_model(const YAML::Node& node, TokenRule& rule) const;
  [[nodiscard]] YamlFields fields_of(const YAML::Node& node, const std::string& what,
                                     const std::vector<std::string>& known) const {
    return {node, where_, what, known, ignored_};
  }

  std::string where_;
  IgnoredKeys* ignored_;  // null: unknown keys are errors
};

void TokenReader::read_token_of_model(const YAML::Node& node, TokenRule& rule) const {
  const YamlFields fields =
      fields_of(node, "a token's source", {"kind", "model", "token", "token_id"});
  const std::string kind = fields.text("kind");
  if (kind == "zero") {
    rule.source = RowSource::kZero;
    return;
  }
  if (kind != "model_token") {
    fail_at(fields.at("kind"), where_, "kind of a token's source must be zero or model_token",
            "'" + kind + "'");
  }
  if (!fields.has("model")) fail_at(node, where_, "a token's source lacks a key", "'model'");
  if (fields.has("token") == fields.has("token_id")) {
    fail_at(node, where_, "a model's token is named by either 'token' or 'token_id'",
            fields.has("token") ? "both" : "neither");
  }
  rule.source = RowSource::kModelToken;
  rule.model = read_model_name(fields.at("model"), where_, ignored_);
  if (fields.has("token")) rule.of_token = fields.text("token");
  if (fields.has("token_id")) rule.of_id = yaml_size(fields.at("token_id"), where_, "token_id");
}

// {kind, ...}, or a model as a name or a mapping.
void TokenReader::read_source(const YAML::Node& node, TokenRule& rule) const {
  if (node.IsMap() && node["kind"].IsDefined()) {
    const std::string kind = yaml_text(node["kind"], where_, "kind");
    const bool is_known = kind == "zero" || kind == "model_token";
    if (is_known || ignored_ == nullptr) return read_token_of_model(node, rule);
  }
  rule.source = RowSource::kModel;
  rule.model = read_model_name(node, where_, ignored_);
}

TokenRule TokenReader::read(const YamlEntry& entry) const {
  const YamlFields fields = fields_of(entry.value, "a token", {"source", "force"});
  TokenRule rule;
  rule.token = entry.key;
  if (fields.has("source")) read_source(fields.at("source"), rule);
  if (fields.has("force")) rule.is_forced = yaml_boolean(fields.at("force"), where_, "force");
  return rule;
}

}  // namespace

TokenizerRule read_tokenizer_source(const YAML::Node& node, const std::string& where,
                                    IgnoredKeys* ignored) {
  TokenizerRule rule;
  const std::string name = read_model_name(node, where, ignored);
  if (name == "union") return rule;
  rule.source = name == "base" ? VocabularySource::kBase : VocabularySource::kModel;
  if (rule.source == VocabularySource::kModel) rule.model = name;
  return rule;
}

TokenizerRule read_tokenizer_rule(const YAML::Node& node, const std::string& where,
                                  IgnoredKeys* ignored) {
  const YamlFields fields(node, where, "tokenizer", {"source", "tokens", "pad_to_multiple_of"},
                          ignored);
  TokenizerRule rule;
  if (fields.has("source")) rule = read_tokenizer_source(fields.at("source"), where, ignored);
  if (fields.has("tokens")) {
    const YAML::Node tokens = fields.at("tokens");
    if (!tokens.IsMap())
      fail_at(tokens, where, "tokens must be a mapping", "another kind of value");
    const TokenReader reader(where, ignored);
    for (const YamlEntry& entry : yaml_entries(tokens, where)) {
      rule.tokens.push_back(reader.read(entry));
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
