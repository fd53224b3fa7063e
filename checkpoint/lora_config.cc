#include "checkpoint/lora_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

constexpr std::size_t kLargestRank = 65536;

// Keys that, when set, make an adapter more than W + s B A.
constexpr std::array<const char*, 8> kRefusedKeys = {
    "use_dora",     "use_qalora",        "use_bdlora",  "layer_replication",
    "arrow_config", "target_parameters", "kasa_config", "alora_invocation_tokens"};

bool is_set(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  return !value.is_null() && !value.empty();
}

void refuse_other_kinds(const JsonFields& fields) {
  const std::string type = fields.text("peft_type");
  if (type != "LORA") {
    throw Error(ErrorCode::kUnsupported,
                "only adapters of type LORA are supported: " + fields.where() + ": " + type);
  }
  const auto refuse_if_set = [&](const char* key) {
    if (!fields.json().contains(key) || !is_set(fields.json().at(key))) return;
    throw Error(ErrorCode::kUnsupported, "kind of LoRA that is not supported: " + fields.where() +
                                             ": " + key + " = " + json_line(fields.json().at(key)));
  };
  for (const char* const key : kRefusedKeys) refuse_if_set(key);
  refuse_if_set("trainable_token_indices");
}

void check_pattern(const std::string& pattern, const std::string& where) {
  const bool is_plain = pattern.find_first_of("\\*+?()[]{}|$") == std::string::npos &&
                        pattern.find('^', 1) == std::string::npos && !pattern.empty();
  if (is_plain) return;
  throw Error(ErrorCode::kUnsupported, "a pattern that is more than the end of a module's name: " +
                                           where + ": '" + pattern + "'");
}

// The names in the order of the file, which decides between patterns and which Json loses.
std::vector<std::string> keys_in_order(std::string_view text, const char* object) {
  std::vector<std::string> keys;
  const auto ordered = nlohmann::ordered_json::parse(text);
  for (const auto& entry : ordered.at(object).items()) keys.push_back(entry.key());
  return keys;
}

template <typename Value, typename Read>
std::vector<std::pair<std::string, Value>> read_patterns(const JsonFields& fields,
                                                         std::string_view text, const char* key,
                                                         const Read& read) {
  std::vector<std::pair<std::string, Value>> patterns;
  if (!fields.has(key)) return patterns;
  const JsonFields object = fields.object(key);
  for (const std::string& pattern : keys_in_order(text, key)) {
    check_pattern(pattern, object.where());
    patterns.emplace_back(pattern, read(object, pattern));
  }
  return patterns;
}

std::size_t read_rank(const JsonFields& fields, const std::string& key) {
  const std::size_t rank = fields.size(key);
  if (rank == 0 || rank > kLargestRank) {
    throw Error(ErrorCode::kCorruptFile, "rank out of range: " + fields.where() + ": " + key +
                                             " = " + std::to_string(rank) + ", expected 1 to " +
                                             std::to_string(kLargestRank));
  }
  return rank;
}

std::vector<std::string> read_names(const JsonFields& fields, const char* key) {
  std::vector<std::string> names;
  if (!fields.has(key)) return names;
  const Json& list = fields.json().at(key);
  const bool is_list_of_names =
      list.is_array() &&
      std::all_of(list.begin(), list.end(), [](const Json& name) { return name.is_string(); });
  if (!is_list_of_names) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a list of names: " + fields.where() + ": " + key);
  }
  for (const Json& name : list) names.push_back(name.get<std::string>());
  return names;
}

// hf peft: re.match(rf"(.*\.)?({pattern})$", module)
bool fits(std::string_view pattern, std::string_view module) {
  if (pattern.starts_with('^')) return module == pattern.substr(1);
  if (!module.ends_with(pattern)) return false;
  return module.size() == pattern.size() || module[module.size() - pattern.size() - 1] == '.';
}

template <typename Value>
Value first_fit(const std::vector<std::pair<std::string, Value>>& patterns, std::string_view module,
                Value otherwise) {
  for (const auto& [pattern, value] : patterns) {
    if (fits(pattern, module)) return value;
  }
  return otherwise;
}

}  // namespace

std::size_t LoraConfig::rank_of(std::string_view module) const {
  return first_fit(rank_pattern, module, rank);
}

double LoraConfig::scale_of(std::string_view module, std::size_t module_rank) const {
  const auto divisor = static_cast<double>(module_rank);
  return first_fit(alpha_pattern, module, alpha) /
         (is_rank_stabilised ? std::sqrt(divisor) : divisor);
}

bool LoraConfig::saves(std::string_view module) const {
  return std::any_of(modules_to_save.begin(), modules_to_save.end(), [&](const std::string& name) {
    return !name.empty() && module.ends_with(name);
  });
}

LoraConfig parse_lora_config(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  const JsonFields fields(json, where);
  refuse_other_kinds(fields);
  LoraConfig config;
  config.where = where;
  config.base_name = fields.text_or("base_model_name_or_path", "");
  config.task_type = fields.text_or("task_type", "");
  config.rank = read_rank(fields, "r");
  config.alpha = fields.number("lora_alpha");
  config.is_rank_stabilised = fields.boolean_or("use_rslora", false);
  config.trains_biases = fields.text_or("bias", "none") != "none";
  config.modules_to_save = read_names(fields, "modules_to_save");
  config.rank_pattern = read_patterns<std::size_t>(fields, text, "rank_pattern", read_rank);
  config.alpha_pattern = read_patterns<double>(
      fields, text, "alpha_pattern",
      [](const JsonFields& object, const std::string& key) { return object.number(key); });
  return config;
}

}  // namespace vlm
