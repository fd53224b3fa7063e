#include "search/recipe_template.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/divide_up.h"
#include "core/error.h"
#include "core/nearest_name.h"
#include "merge/method.h"
#include "merge/yaml_fields.h"

namespace vlm {
namespace {

enum class Scope : std::uint8_t { kModel, kModule, kLayer, kLayerModule };

// One gene node of the recipe, before it is multiplied.
struct GeneNode {
  Gene gene;
  std::vector<std::string> words;  // of a parameter that is a word; the gene is the place, 0 to 1
  Scope scope = Scope::kModel;
  std::size_t layers_per_group = 1;
};

const std::array<std::string, 4> kScopeNames{"model", "module", "layer", "layer-module"};
const std::array<std::string, 6> kGeneKeys{"gene", "low", "high", "init", "per", "group"};

// A mapping with a key that only genes have, so that a misspelt 'gene' is seen for what it is.
bool is_gene(const YAML::Node& node) {
  constexpr std::array<const char*, 4> kOwnKeys{"gene", "low", "high", "init"};
  return node.IsMap() && std::any_of(kOwnKeys.begin(), kOwnKeys.end(),
                                     [&](const char* key) { return node[key].IsDefined(); });
}

double number_of(const YAML::Node& gene, const char* key, double fallback,
                 const std::string& where) {
  const YAML::Node node = gene[key];
  if (!node) return fallback;
  double value = 0.0;
  if (!node.IsScalar() || !YAML::convert<double>::decode(node, value) || !std::isfinite(value)) {
    fail_at(node, where, std::string("gene key '") + key + "' is not a number",
            node.IsScalar() ? node.Scalar() : "a list or mapping");
  }
  return value;
}

Scope scope_of(const YAML::Node& node, const std::string& where) {
  if (!node["per"]) return Scope::kModel;
  const auto name = node["per"].as<std::string>("");
  const auto* found = std::find(kScopeNames.begin(), kScopeNames.end(), name);
  if (found == kScopeNames.end()) {
    fail_at(node["per"], where, "unknown value of 'per'",
            "'" + name + "'" + name_hint(name, kScopeNames));
  }
  return static_cast<Scope>(found - kScopeNames.begin());
}

// What the parameter under that key may be, if it is no number.
std::vector<std::string> words_of(const YAML::Node& recipe, const std::string& key) {
  if (!recipe.IsMap()) return {};
  const auto method = recipe["merge_method"].as<std::string>("");
  for (const MergeMethod& each : merge_methods()) {
    if (each.name != method) continue;
    const ParameterSpec* const parameter = each.find_parameter(key);
    if (parameter == nullptr || parameter->kind == ParameterKind::kNumber) return {};
    if (parameter->kind == ParameterKind::kBoolean) return {"false", "true"};
    return parameter->choices;
  }
  return {};
}

GeneNode parse_gene(const YAML::Node& node, std::vector<std::string> words,
                    const std::string& where) {
  const YamlFields fields(node, where, "a gene", {kGeneKeys.begin(), kGeneKeys.end()});
  GeneNode parsed;
  parsed.gene.name = fields.text("gene");
  parsed.gene.low = number_of(node, "low", 0.0, where);
  parsed.gene.high = number_of(node, "high", 1.0, where);
  const double middle = 0.5 * (parsed.gene.low + parsed.gene.high);
  parsed.gene.initial = number_of(node, "init", middle, where);
  if (!(parsed.gene.low < parsed.gene.high)) {
    fail_at(node, where, "gene needs low < high", parsed.gene.name);
  }
  if (parsed.gene.initial < parsed.gene.low || parsed.gene.initial > parsed.gene.high) {
    fail_at(node, where, "init of gene lies outside [low, high]", parsed.gene.name);
  }
  parsed.words = std::move(words);
  if (!parsed.words.empty() && (parsed.gene.low < 0 || parsed.gene.high > 1)) {
    fail_at(node, where, "gene of a word goes from 0 to 1", parsed.gene.name);
  }
  parsed.scope = scope_of(node, where);
  const double group = number_of(node, "group", 1.0, where);
  if (group < 1.0 || group > 1e6 || group != std::floor(group)) {
    fail_at(node["group"], where, "group of gene is not a positive whole number",
            std::to_string(group));
  }
  parsed.layers_per_group = static_cast<std::size_t>(group);
  return parsed;
}

// The names a gene node stands for, in the order in which fill_in() takes its values.
std::vector<std::string> names_of(const GeneNode& node, std::size_t num_layers) {
  const std::string& name = node.gene.name;
  if (node.scope == Scope::kModel) return {name};
  if (node.scope == Scope::kModule) return {name + ".attention", name + ".mlp", name + ".rest"};
  const std::size_t groups = divide_up(num_layers, node.layers_per_group);
  std::vector<std::string> names;
  const auto add_layers = [&](const std::string& prefix) {
    for (std::size_t i = 0; i < groups; ++i) names.push_back(prefix + "." + std::to_string(i));
  };
  if (node.scope == Scope::kLayer) {
    add_layers(name);
  } else {
    add_layers(name + ".attention");
    add_layers(name + ".mlp");
  }
  names.push_back(name + ".rest");
  return names;
}

std::string six_decimals(double value) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.6f", value);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

// Reads the values of one gene node in order. Of n words each has an n-th of the way from 0 to 1.
class ValueReader {
 public:
  ValueReader(std::span<const double> values, const std::vector<std::string>& words)
      : values_(values), words_(words) {}
  std::string next() {
    const double value = values_[position_++];
    if (words_.empty()) return six_decimals(value);
    const double place = value * static_cast<double>(words_.size());
    return words_[std::min(static_cast<std::size_t>(place), words_.size() - 1)];
  }

 private:
  std::span<const double> values_;
  const std::vector<std::string>& words_;
  std::size_t position_ = 0;
};

// A mergekit condition: {filter: F, value: V}, without a filter for the rest.
YAML::Node condition(const char* filter, const YAML::Node& value) {
  YAML::Node node(YAML::NodeType::Map);
  if (filter != nullptr) node["filter"] = filter;
  node["value"] = value;
  node.SetStyle(YAML::EmitterStyle::Flow);
  return node;
}

// One number for each layer: mergekit's gradient with as many points as layers.
YAML::Node layer_list(ValueReader& values, const GeneNode& node, std::size_t num_layers) {
  YAML::Node list(YAML::NodeType::Sequence);
  std::string value;
  for (std::size_t layer = 0; layer < num_layers; ++layer) {
    if (layer % node.layers_per_group == 0) value = values.next();
    list.push_back(value);
  }
  list.SetStyle(YAML::EmitterStyle::Flow);
  return list;
}

YAML::Node setting_of(const GeneNode& node, std::span<const double> numbers,
                      std::size_t num_layers) {
  ValueReader values(numbers, node.words);
  if (node.scope == Scope::kModel) return YAML::Node(values.next());
  YAML::Node conditions(YAML::NodeType::Sequence);
  if (node.scope == Scope::kLayer) {
    conditions.push_back(condition(".layers.", layer_list(values, node, num_layers)));
  } else {
    for (const char* filter : {"self_attn", "mlp"}) {
      const bool single = node.scope == Scope::kModule;
      conditions.push_back(condition(
          filter, single ? YAML::Node(values.next()) : layer_list(values, node, num_layers)));
    }
  }
  conditions.push_back(condition(nullptr, YAML::Node(values.next())));
  return conditions;
}

// What the numbers below a node of a recipe are for.
struct Place {
  bool is_decided = false;             // false: `components` or `modules`, or above them
  std::optional<Component> component;  // absent: all
  std::string key;                     // the last one but the "value" of a filter line
};

Place below(Place place, const std::string& key) {
  if (key != "value") place.key = key;
  if (place.is_decided || key == "components" || key == "modules") return place;
  place.is_decided = true;
  place.component = Component::kText;
  if (const auto component = find_component(key)) place.component = component;
  if (const auto component = find_component_of_module(key)) place.component = component;
  if (key == "parameters") place.component.reset();
  return place;
}

std::size_t layers_at(const Place& place, LayerCounts num_layers) {
  switch (place.component.value_or(Component::kText)) {
    case Component::kVision:
      return num_layers.vision;
    case Component::kProjector:
      return 0;
    case Component::kText:
      break;
  }
  return num_layers.text;
}

void require_layers(const GeneNode& gene, std::size_t num_layers, const YAML::Node& node,
                    const std::string& where) {
  const bool counts_layers = gene.scope == Scope::kLayer || gene.scope == Scope::kLayerModule;
  if (counts_layers && num_layers == 0) {
    fail_at(node, where, "gene for each layer of what has no layers", gene.gene.name);
  }
}

using NodeMaker = std::function<YAML::Node(const YAML::Node&)>;
using GeneMaker = std::function<YAML::Node(const YAML::Node&, const Place&)>;

// Rebuilds `node`: every gene node becomes what `replace` makes of it, every other scalar what
// `keep` makes of it.
YAML::Node rebuild(const YAML::Node& node, const Place& place, const GeneMaker& replace,
                   const NodeMaker& keep) {
  if (is_gene(node)) return replace(node, place);
  if (!node.IsMap() && !node.IsSequence()) return keep(node);
  YAML::Node copy(node.Type());
  for (const auto& entry : node) {
    if (node.IsMap()) {
      const Place inner = below(place, entry.first.as<std::string>(""));
      copy.force_insert(keep(entry.first), rebuild(entry.second, inner, replace, keep));
    } else {
      copy.push_back(rebuild(entry, place, replace, keep));
    }
  }
  return copy;
}

// Shares the node, and with it its place in the file.
YAML::Node shared(const YAML::Node& node) {
  return node;
}

}  // namespace

RecipeTemplate::RecipeTemplate(const YAML::Node& recipe, LayerCounts num_layers,
                               const std::string& where)
    : recipe_(YAML::Clone(recipe)), num_layers_(num_layers) {
  const auto add_genes = [&](const YAML::Node& node, const Place& place) {
    const GeneNode parsed = parse_gene(node, words_of(recipe_, place.key), where);
    const std::size_t layers = layers_at(place, num_layers);
    require_layers(parsed, layers, node, where);
    const std::vector<std::string> names = names_of(parsed, layers);
    for (const std::string& name : names) {
      const auto same = [&](const Gene& gene) { return gene.name == name; };
      if (std::any_of(genes_.begin(), genes_.end(), same)) {
        fail_at(node, where, "two genes have the same name", name);
      }
      Gene gene = parsed.gene;
      gene.name = name;
      gene.component = place.component;
      genes_.push_back(gene);
    }
    const std::vector<double> values(names.size(), parsed.gene.initial);
    return setting_of(parsed, values, layers);
  };
  first_recipe_ = rebuild(recipe, {}, add_genes, shared);
  if (genes_.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "the recipe has no gene to search: " + where);
  }
}

std::string RecipeTemplate::fill_in(std::span<const double> values) const {
  check(values.size() == genes_.size(), "RecipeTemplate::fill_in: one value for each gene");
  std::size_t used = 0;
  const auto fill = [&](const YAML::Node& node, const Place& place) {
    const GeneNode parsed = parse_gene(node, words_of(recipe_, place.key), "recipe");
    const std::size_t layers = layers_at(place, num_layers_);
    const std::size_t count = names_of(parsed, layers).size();
    used += count;
    return setting_of(parsed, values.subspan(used - count, count), layers);
  };
  // Workers fill in at the same time: nothing is shared with the template.
  const YAML::Node filled =
      rebuild(recipe_, {}, fill, [](const YAML::Node& n) { return Clone(n); });
  YAML::Emitter out;
  out << filled;
  return std::string(out.c_str()) + "\n";
}

}  // namespace vlm
