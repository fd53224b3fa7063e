#include "language/layer_path.h"

#include <cmath>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kMostHops = 65536;
constexpr double kLargestLayer = 1e6;

[[noreturn]] void fail(const std::string& what, const JsonFields& fields, const std::string& seen) {
  throw Error(ErrorCode::kCorruptFile, what + ": " + fields.where() + ": " + seen);
}

// The elements of the list under `key`; none if it is absent.
Json list_of(const JsonFields& fields, const char* key) {
  if (!fields.has(key)) return Json::array();
  const Json& list = fields.json().at(key);
  if (!list.is_array() || list.empty() || list.size() > kMostHops) {
    fail("expected a list of 1 to " + std::to_string(kMostHops) + " numbers", fields, key);
  }
  for (const Json& value : list) {
    if (!value.is_number()) fail("expected numbers", fields, key + (": " + json_line(value)));
  }
  return list;
}

std::size_t layer_of(const Json& value, const JsonFields& fields, const char* key) {
  const double layer = value.get<double>();
  if (!(layer >= 0.0 && layer <= kLargestLayer) || layer != std::floor(layer)) {
    fail("expected whole numbers", fields, key + (": " + json_line(value)));
  }
  return static_cast<std::size_t>(layer);
}

HopScaling scaling_of(const JsonFields& fields, const LayerPathKeys& keys) {
  if (!fields.has(keys.scaling)) return keys.absent_scaling;
  const std::string name = fields.text(keys.scaling);
  if (name == "stream") return HopScaling::kStream;
  if (name == "mlp") return HopScaling::kMlpOutput;
  fail("unknown kind of scale", fields, keys.scaling + (" = " + name + " (known: stream, mlp)"));
}

}  // namespace

LayerPath parse_layer_path(const JsonFields& fields, const LayerPathKeys& keys) {
  LayerPath path;
  path.scaling = scaling_of(fields, keys);
  for (const Json& value : list_of(fields, keys.layers)) {
    path.hops.push_back({layer_of(value, fields, keys.layers), 1.0F});
  }
  const Json scales = list_of(fields, keys.scales);
  if (!scales.empty() && scales.size() != path.hops.size()) {
    fail(std::string(keys.scales) + " and " + keys.layers + " differ in length", fields,
         std::to_string(scales.size()) + " and " + std::to_string(path.hops.size()));
  }
  for (std::size_t i = 0; i < scales.size(); ++i) path.hops[i].scale = scales[i].get<float>();
  return path;
}

}  // namespace vlm
