#include "merge/model_name.h"

namespace vlm {
namespace {

std::string read_location(const YAML::Node& node, const std::string& where, IgnoredKeys* ignored) {
  if (!node.IsMap()) return yaml_text(node, where, "model");
  const YamlFields fields(node, where, "a model", {"path", "revision"}, ignored);
  const std::string path = fields.text("path");
  return fields.has("revision") ? path + "@" + fields.text("revision") : path;
}

}  // namespace

std::string read_model_name(const YAML::Node& node, const std::string& where,
                            IgnoredKeys* ignored) {
  if (!node.IsMap()) return yaml_text(node, where, "model");
  const YamlFields fields(node, where, "a model", {"model", "lora"}, ignored);
  if (!fields.has("model")) fail_at(node, where, "a model lacks a key", "'model'");
  const std::string model = read_location(fields.at("model"), where, ignored);
  return fields.has("lora") ? model + "+" + read_location(fields.at("lora"), where, ignored)
                            : model;
}

}  // namespace vlm
