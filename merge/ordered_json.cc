#include "merge/ordered_json.h"

#include "core/json_fields.h"

namespace vlm {

OrderedJson parse_ordered(const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where);  // refuses duplicate keys, which OrderedJson does not
  const JsonFields fields(json, where);       // refuses all but objects
  return OrderedJson::parse(text);
}

std::string written(const OrderedJson& json) {
  return json.dump(2) + "\n";
}

}  // namespace vlm
