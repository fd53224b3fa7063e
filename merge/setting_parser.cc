#include "merge/setting_parser.h"

#include <sstream>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "core/nearest_name.h"

namespace vlm {
namespace {

class SettingReader {
 public:
  SettingReader(std::string where, const MergeMethod& method)
      : where_(std::move(where)), method_(method) {}

  [[nodiscard]] const ParameterSpec& find_spec(const YamlEntry& entry, bool of_model) const;
  [[nodiscard]] Setting read_setting(const YAML::Node& node, const ParameterSpec& spec) const;

 private:
  [[nodiscard]] SettingLine read_line(const YAML::Node& node, const ParameterSpec& spec) const;
  [[nodiscard]] double read_value(const YAML::Node& node, const ParameterSpec& spec) const;
  [[nodiscard]] double read_choice(const YAML::Node& node, const ParameterSpec& spec) const;

  std::string where_;
  const MergeMethod& method_;
};

const ParameterSpec& SettingReader::find_spec(const YamlEntry& entry, bool of_model) const {
  const ParameterSpec* const spec = method_.find_parameter(entry.key);
  if (spec == nullptr) {
    std::vector<std::string> known;
    for (const ParameterSpec& each : method_.parameters) known.push_back(each.name);
    fail_at(entry.key_node, where_, "unknown parameter of method '" + method_.name + "'",
            "'" + entry.key + "'" + name_hint(entry.key, known));
  }
  if (of_model && spec->scope == ParameterScope::kGlobal) {
    fail_at(entry.key_node, where_,
            "parameter of the whole merge under one model (move it to the recipe's or a slice's "
            "parameters)",
            "'" + entry.key + "'");
  }
  return *spec;
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
    const YamlFields fields(node, where_, "a filter line", {"filter", "layers", "value"});
    if (fields.has("filter")) line.filter = fields.text("filter");
    if (line.filter == "*") line.filter.clear();
    if (fields.has("layers")) line.layers = read_layer_range(fields.at("layers"), where_, "layers");
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

double SettingReader::read_value(const YAML::Node& node, const ParameterSpec& spec) const {
  if (spec.kind == ParameterKind::kBoolean) {
    return yaml_boolean(node, where_, spec.name) ? 1.0 : 0.0;
  }
  if (spec.kind == ParameterKind::kChoice) return read_choice(node, spec);
  const double value = yaml_number(node, where_, spec.name);
  if (value < spec.lowest || value > spec.highest) {
    std::ostringstream range;
    range << spec.lowest << " to " << spec.highest;
    fail_at(node, where_, spec.name + " is out of range (" + range.str() + ")", node.Scalar());
  }
  return value;
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
                                  bool of_model) {
  ParameterSettings settings;
  if (!fields.has("parameters")) return settings;
  const std::string& where = fields.where();
  const YAML::Node map = fields.at("parameters");
  if (!map.IsMap()) fail_at(map, where, "parameters must be a mapping", "another kind of value");
  const SettingReader reader(where, method);
  for (const YamlEntry& entry : yaml_entries(map, where)) {
    settings[entry.key] = reader.read_setting(entry.value, reader.find_spec(entry, of_model));
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
