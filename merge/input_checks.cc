#include "merge/input_checks.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

constexpr std::array<const char*, 6> kMustAgree = {
    "hidden_size",         "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "head_dim",          "hidden_act"};
constexpr std::array<const char*, 4> kShouldAgree = {"rope_theta", "sliding_window", "rms_norm_eps",
                                                     "rope_scaling"};

std::string shown(const JsonFields& config, const char* key) {
  return config.has(key) ? config.json().at(key).dump() : "none";
}

// An absent key may stand for the architecture's default, so only values that are there count.
bool differ(const JsonFields& a, const JsonFields& b, const char* key) {
  return a.has(key) && b.has(key) && a.json().at(key) != b.json().at(key);
}

// Absent (or null) means "off" for these, so it counts as a value.
bool differ_or_missing(const JsonFields& a, const JsonFields& b, const char* key) {
  return a.has(key) != b.has(key) || differ(a, b, key);
}

std::string difference(const char* key, const PlanInput& input, const PlanInput& donor) {
  return std::string(key) + ": " + input.name + ": " +
         shown(input.checkpoint->config().text(), key) + ", but " + donor.name + ": " +
         shown(donor.checkpoint->config().text(), key);
}

std::string content_difference(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) {
    return std::to_string(a.size()) + " bytes against " + std::to_string(b.size());
  }
  const auto [first, second] = std::mismatch(a.begin(), a.end(), b.begin());
  static_cast<void>(second);
  return "first difference at byte " + std::to_string(first - a.begin());
}

}  // namespace

std::vector<std::string> compare_configs(const std::vector<PlanInput>& inputs, std::size_t donor) {
  std::vector<std::string> warnings;
  const JsonFields wanted = inputs[donor].checkpoint->config().text();
  for (const PlanInput& input : inputs) {
    const JsonFields config = input.checkpoint->config().text();
    if (input.checkpoint->config().has_layer_path()) {
      throw Error(ErrorCode::kUnsupported,
                  "a data-flow model executes its layers along a path, which a merge would lose: " +
                      input.name + ": " + input.checkpoint->config().architecture);
    }
    for (const char* const key : kMustAgree) {
      if (!differ(config, wanted, key)) continue;
      throw Error(ErrorCode::kInvalidArgument,
                  "models do not fit together: " + difference(key, input, inputs[donor]));
    }
    for (const char* const key : kShouldAgree) {
      if (!differ_or_missing(config, wanted, key)) continue;
      warnings.push_back("configs differ in " + difference(key, input, inputs[donor]) +
                         " (the result takes the latter)");
    }
  }
  return warnings;
}

std::vector<std::string> compare_token_tables(const std::vector<PlanInput>& inputs,
                                              std::size_t donor) {
  std::vector<std::string> warnings;
  const auto table_of = [](const PlanInput& input) {
    return input.checkpoint->directory() / "tokenizer.model";
  };
  const std::filesystem::path wanted_file = table_of(inputs[donor]);
  if (!std::filesystem::exists(wanted_file)) {
    return {"token tables were not compared: " + inputs[donor].name + " has no tokenizer.model"};
  }
  const std::string wanted = read_text_file(wanted_file);
  for (const PlanInput& input : inputs) {
    if (&input == &inputs[donor]) continue;
    if (!std::filesystem::exists(table_of(input))) {
      warnings.push_back("token tables were not compared: " + input.name +
                         " has no tokenizer.model");
      continue;
    }
    const std::string table = read_text_file(table_of(input));
    if (table == wanted) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "token tables differ, so rows of equal id are not the same token: " +
                    table_of(input).string() + " and " + wanted_file.string() + ": " +
                    content_difference(table, wanted) +
                    " (embeddings: {policy: base} keeps those of " + inputs[donor].name + ")");
  }
  return warnings;
}

}  // namespace vlm
