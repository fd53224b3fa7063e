#include "merge/setting_parser.h"

#include <map>
#include <sstream>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "core/nearest_name.h"

namespace vlm {
namespace {

class SettingReader {
 public:
  SettingReader(std::string where, const MergeMethod& method, IgnoredKeys* ignored)
      : where_(std::move(where)), method_(method), ignored_(ignored) {}

  // Nothing for a parameter that is ignored.
  [[nodiscard]] const ParameterSpec* find_spec(const YamlEntry& entry, bool of_model) const;
  [[nodiscard]] Setting read_setting(const YAML::Node& node, const ParameterSpec& spec) const;

 private:
  [[nodiscard]] SettingLine read_line(const YAML::Node& node, const ParameterSpec& spec) const;
  void read_conditions(const YamlFields& fields, SettingLine& line) const;
  [[nodiscard]] double read_value(const YAML::Node& node, const ParameterSpec& spec) const;
  [[nodiscard]] double read_number(const YAML::Node& node, const ParameterSpec& spec) const;
  [[nodiscard]] double read_choice(const YAML::Node& node, const ParameterSpec& spec) const;

  std::string where_;
  const MergeMethod& method_;
  IgnoredKeys* ignored_;
};

const ParameterSpec* SettingReader::find_spec(const YamlEntry& entry, bool of_model) const {
  const ParameterSpec* const spec = method_.find_parameter(entry.key);
  const bool is_misplaced = spec != nullptr && of_model && spec->scope == ParameterScope::kGlobal;
  if (spec != nullptr && !is_misplaced) return spec;
  std::string what = "unknown parameter of method '" + method_.name + "'";
  std::string hint;
  if (is_misplaced) {
    what =
        "parameter of the whole merge under one model (move it to the recipe's or a slice's "
        "parameters)";
  } else {
    std::vector<std::string> known;
    for (const ParameterSpec& each : method_.parameters) known.push_back(each.name);
    hint = name_hint(entry.key, known);
  }
  if (ignored_ == nullptr) fail_at(entry.key_node, where_, what, "'" + entry.key + "'" + hint);
  ignored_->add(entry.key_node, where_, entry.key);
  return nullptr;
}

Setting SettingReader::read_setting(const YAML::Node& node, const ParameterSpec& spec) const {
  const bool is_list_of_lines = node.IsSequence() && node.size() > 0 && node[0].IsMap();
  if (!is_list_of_lines) return {read_line(node, spec)};
  Setting setting;
  for (const YAML::Node& line : node) {
    if (!line.IsMap()) fail_at(line, where_, spec.name + " mixes filters and numbers", "a number");
    setting.push_back(read_line(line, spec));
  }
  return setting;
}

SettingLine SettingReader::read_line(const YAML::Node& node, const ParameterSpec& spec) const {
  SettingLine line;
  YAML::Node value = node;
  if (node.IsMap()) {
    const YamlFields fields(node, where_, "a filter line",
                            {"filter", "regex", "component", "layers", "value"}, ignored_);
    read_conditions(fields, line);
    if (!fields.has("value")) fail_at(node, where_, "a filter line lacks a key", "'value'");
    value.reset(fields.at("value"));
  }
  if (!value.IsSequence()) {
    line.values.push_back(read_value(value, spec));
    return line;
  }
  if (value.size() == 0) fail_at(value, where_, spec.name + " needs a value", "an empty list");
  if (spec.kind == ParameterKind::kChoice) {
    fail_at(value, where_, "a word has no gradient", spec.name + " is a list");
  }
  for (const YAML::Node& item : value) line.values.push_back(read_value(item, spec));
  return line;
}

// `filter: regex:X` and `filter: component:X` say what the keys say.
void SettingReader::read_conditions(const YamlFields& fields, SettingLine& line) const {
  line.place = yaml_place(fields.node(), where_);
  std::map<std::string, std::string> conditions;
  for (const char* const key : {"filter", "regex", "component"}) {
    if (fields.has(key)) conditions[key] = fields.text(key);
  }
  if (fields.has("layers")) line.layers = read_layer_range(fields.at("layers"), where_, "layers");
  for (const std::string key : {"regex", "component"}) {
    const std::string& filter = conditions["filter"];
    if (!filter.starts_with(key + ":")) continue;
    if (conditions.contains(key)) {
      fail_at(fields.node(), where_, key + " is there twice", "'" + filter + "'");
    }
    conditions[key] = filter.substr(key.size() + 1);
    if (conditions[key].empty()) {
      fail_at(fields.node(), where_, "filter says nothing behind '" + key + ":'", "''");
    }
    conditions["filter"].clear();
  }
  if (conditions["filter"] != "*") line.filter = conditions["filter"];
  if (!conditions["regex"].empty()) line.pattern.emplace(conditions["regex"], line.place);
  const std::string& component = conditions["component"];
  if (component.empty()) return;
  line.component = find_component(component);
  if (line.component) return;
  fail_at(fields.node(), where_, "unknown component",
          "'" + component + "'" + name_hint(component, component_names()));
}

double SettingReader::read_value(const YAML::Node& node, const ParameterSpec& spec) const {
  if (spec.kind == ParameterKind::kBoolean) {
    return yaml_boolean(node, where_, spec.name) ? 1.0 : 0.0;
  }
  if (spec.kind == ParameterKind::kChoice) return read_choice(node, spec);
  const double value = read_number(node, spec);
  if (value < spec.lowest || value > spec.highest) {
    std::ostringstream range;
    range << spec.lowest << " to " << spec.highest;
    fail_at(node, where_, spec.name + " is out of range (" + range.str() + ")", node.Scalar());
  }
  return value;
}

// As in mergekit, true and false are 1 and 0.
double SettingReader::read_number(const YAML::Node& node, const ParameterSpec& spec) const {
  bool truth = false;
  if (node.IsScalar() && YAML::convert<bool>::decode(node, truth)) return truth ? 1.0 : 0.0;
  return yaml_number(node, where_, spec.name);
}

// The index of the word; "on", "1", ... stand for "true" where that is a choice.
double SettingReader::read_choice(const YAML::Node& node, const ParameterSpec& spec) const {
  const std::string word = yaml_text(node, where_, spec.name);
  for (std::size_t i = 0; i < spec.choices.size(); ++i) {
    if (spec.choices[i] == word) return static_cast<double>(i);
  }
  bool is_true = word == "1";
  if (spec.choices.front() == "false" &&
      (is_true || word == "0" || YAML::convert<bool>::decode(node, is_true))) {
    return is_true ? 1.0 : 0.0;
  }
  fail_at(node, where_, "unknown value of '" + spec.name + "'",
          "'" + word + "'" + name_hint(word, spec.choices));
}

}  // namespace

ParameterSettings read_parameters(const YamlFields& fields, const MergeMethod& method,
                                  bool of_model, IgnoredKeys* ignored) {
  ParameterSettings settings;
  if (!fields.has("parameters")) return settings;
  const std::string& where = fields.where();
  const YAML::Node map = fields.at("parameters");
  if (!map.IsMap()) fail_at(map, where, "parameters must be a mapping", "another kind of value");
  const SettingReader reader(where, method, ignored);
  for (const YamlEntry& entry : yaml_entries(map, where)) {
    const ParameterSpec* const spec = reader.find_spec(entry, of_model);
    if (spec != nullptr) settings[entry.key] = reader.read_setting(entry.value, *spec);
  }
  return settings;
}

LayerRange read_layer_range(const YAML::Node& node, const std::string& where,
                            const std::string& what) {
  if (!node.IsSequence() || node.size() != 2) {
    fail_at(node, where, what + " must be [first, end]", "not a list of two numbers");
  }
  const LayerRange range{yaml_size(node[0], where, what), yaml_size(node[1], where, what)};
  if (range.first > range.end) {
    fail_at(node, where, what + " must not run backwards",
            "[" + std::to_string(range.first) + ", " + std::to_string(range.end) + "]");
  }
  return range;
}

}  // namespace vlm
