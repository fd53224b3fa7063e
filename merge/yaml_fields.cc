#include "merge/yaml_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "core/json_fields.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxNodes = 200'000;  // aliases counted at each use
constexpr std::size_t kMaxDepth = 24;
constexpr std::size_t kMaxSeenChars = 60;

// Walks the tree as if aliases were copied out, so that a small file cannot stand for a huge one.
void require_modest_size(const YAML::Node& node, const std::string& where, std::size_t depth,
                         std::size_t& nodes) {
  if (depth > kMaxDepth) fail_at(node, where, "YAML is nested too deeply", "more than 24 levels");
  if (++nodes > kMaxNodes) fail_at(node, where, "YAML is too large", "more than 200000 nodes");
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) require_modest_size(item, where, depth + 1, nodes);
  } else if (node.IsMap()) {
    for (const auto& item : node) {
      require_modest_size(item.first, where, depth + 1, nodes);
      require_modest_size(item.second, where, depth + 1, nodes);
    }
  }
}

void require_utf8(const std::string& text, const std::string& where) {
  try {
    static_cast<void>(Json(text).dump());
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kInvalidArgument, "YAML is not UTF-8: " + where);
  }
}

// Of the node; of the first one in it for a list or mapping that a program put together.
YAML::Mark mark_of(const YAML::Node& node) {
  if (!node.IsDefined()) return YAML::Mark::null_mark();
  const YAML::Mark own = node.Mark();
  if (!own.is_null() || node.size() == 0) return own;
  return mark_of(node.IsMap() ? node.begin()->first : node[0]);
}

class IgnoreEvents final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
};

// Counts to `most` and one more only: yaml-cpp 0.7 sees documents without end in a text such as
// ", a", which YAML::LoadAll() collects until memory is full.
void require_documents(const std::string& text, const std::string& where, std::size_t most) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  IgnoreEvents events;
  std::size_t count = 0;
  while (count <= most && parser.HandleNextDocument(events)) ++count;
  if (count > 0 && count <= most) return;
  const std::string wanted = most == 1 ? "one YAML document is" : "YAML documents are";
  throw Error(ErrorCode::kInvalidArgument, wanted + " wanted: " + where + ": " +
                                               (count == 0  ? "none"
                                                : most == 1 ? "more than one"
                                                            : "too many"));
}

std::string seen(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "nothing";
  const std::string& text = node.Scalar();
  return "'" + (text.size() > kMaxSeenChars ? text.substr(0, kMaxSeenChars) + "..." : text) + "'";
}

}  // namespace

std::vector<YAML::Node> parse_yaml_documents(const std::string& text, const std::string& where,
                                             std::size_t most) {
  if (text.size() > kMaxTextBytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "YAML is too large: " + where + ": " + std::to_string(text.size()) + " bytes");
  }
  require_utf8(text, where);
  std::vector<YAML::Node> documents;
  try {
    require_documents(text, where, most);
    documents = YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kInvalidArgument, "YAML cannot be read: " + where + ":" +
                                                 std::to_string(error.mark.line + 1) + ": " +
                                                 error.msg);
  }
  std::size_t nodes = 0;
  for (const YAML::Node& document : documents) require_modest_size(document, where, 0, nodes);
  return documents;
}

YAML::Node parse_yaml(const std::string& text, const std::string& where) {
  return parse_yaml_documents(text, where, 1).front();
}

std::string yaml_place(const YAML::Node& node, const std::string& where) {
  const YAML::Mark mark = mark_of(node);
  return mark.is_null() ? where : where + ":" + std::to_string(mark.line + 1);
}

void fail_at(const YAML::Node& node, const std::string& where, const std::string& what,
             const std::string& seen_value) {
  throw Error(ErrorCode::kInvalidArgument,
              what + ": " + yaml_place(node, where) + ": " + seen_value);
}

std::string yaml_word(const YamlFields& fields, const std::string& key,
                      const std::vector<std::string>& words) {
  if (!fields.has(key)) return "";
  std::string word = fields.text(key);
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  fail_at(fields.at(key), fields.where(), "unknown value of '" + key + "'",
          "'" + word + "'" + name_hint(word, words));
}

std::vector<YamlEntry> yaml_entries(const YAML::Node& map, const std::string& where) {
  std::vector<YamlEntry> entries;
  std::set<std::string> keys;
  for (const auto& item : map) {
    const std::string key = yaml_text(item.first, where, "key");
    if (!keys.insert(key).second) {
      fail_at(item.first, where, "key is there twice", "'" + key + "'");
    }
    entries.push_back({key, item.first, item.second});
  }
  return entries;
}

// What is known of keys that recipes have where they mean nothing; "" of others.
std::string hint_of(const std::string& key) {
  if (key == "revision") return " (a revision stands behind a name: MODEL@REVISION)";
  if (key == "override_architecture") return " (a model is what its config.json says)";
  return "";
}

YamlFields::YamlFields(const YAML::Node& node, std::string where, const std::string& what,
                       const std::vector<std::string>& known, IgnoredKeys* ignored)
    : node_(node), where_(std::move(where)), what_(what) {
  if (!node.IsMap()) fail_at(node, where_, what + " must be a mapping", seen(node));
  for (const YamlEntry& entry : yaml_entries(node, where_)) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    if (ignored != nullptr) {
      ignored->add(entry.key_node, where_, entry.key, hint_of(entry.key));
      continue;
    }
    const std::string hint = hint_of(entry.key);
    fail_at(entry.key_node, where_, "unknown key in " + what,
            "'" + entry.key + "'" + (hint.empty() ? name_hint(entry.key, known) : hint));
  }
}

bool YamlFields::has(const std::string& key) const {
  const YAML::Node value = at(key);
  return value.IsDefined() && !value.IsNull();
}

YAML::Node YamlFields::at(const std::string& key) const {
  const YAML::Node& map = node_;
  return map[key];
}

std::string YamlFields::text(const std::string& key) const {
  if (!has(key)) fail_at(node_, where_, what_ + " lacks a key", "'" + key + "' is missing");
  return yaml_text(at(key), where_, key);
}

std::string yaml_text(const YAML::Node& node, const std::string& where, const std::string& what) {
  if (!node.IsScalar() || node.Scalar().empty()) {
    fail_at(node, where, what + " must be text", seen(node));
  }
  return node.Scalar();
}

double yaml_number(const YAML::Node& node, const std::string& where, const std::string& what) {
  if (!node.IsScalar()) fail_at(node, where, what + " must be a number", seen(node));
  std::string_view text = node.Scalar();
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    fail_at(node, where, what + " must be a finite number", seen(node));
  }
  return value;
}

bool yaml_boolean(const YAML::Node& node, const std::string& where, const std::string& what) {
  bool value = false;
  if (node.IsScalar() && YAML::convert<bool>::decode(node, value)) return value;
  if (node.IsScalar() && (node.Scalar() == "1" || node.Scalar() == "1.0")) return true;
  if (node.IsScalar() && (node.Scalar() == "0" || node.Scalar() == "0.0")) return false;
  fail_at(node, where, what + " must be true or false", seen(node));
}

std::size_t yaml_size(const YAML::Node& node, const std::string& where, const std::string& what) {
  const double value = yaml_number(node, where, what);
  if (value < 0 || value > 0x1p20 || value != std::floor(value)) {
    fail_at(node, where, what + " must be a whole number in 0 ... 1048576", seen(node));
  }
  return static_cast<std::size_t>(value);
}

}  // namespace vlm
