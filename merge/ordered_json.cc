#include "merge/ordered_json.h"

#include "core/json_fields.h"

namespace vlm {

OrderedJson parse_ordered(const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where);  // refuses duplicate keys, which OrderedJson does not
  const JsonFields fields(json, where);       // refuses all but objects
  return OrderedJson::parse(text);
}

OrderedJson in_order_of(const OrderedJson& wanted, const nlohmann::json& json) {
  if (!json.is_object() || !wanted.is_object()) return json;
  OrderedJson ordered = OrderedJson::object();
  for (const auto& [key, value] : wanted.items()) {
    if (json.contains(key)) ordered[key] = in_order_of(value, json.at(key));
  }
  for (const auto& [key, value] : json.items()) {
    if (!ordered.contains(key)) ordered[key] = value;
  }
  return ordered;
}

std::string written(const OrderedJson& json) {
  return json.dump(2) + "\n";
}

}  // namespace vlm
