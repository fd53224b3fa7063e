#include "merge/input_checks.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "merge/input_tensors.h"

namespace vlm {
namespace {

// What must and what should agree, by key of the component's config.
struct Comparison {
  std::vector<const char*> must;
  std::vector<const char*> should;
};

Comparison comparison_of(Component component) {
  switch (component) {
    case Component::kVision:
      return {{"model_type", "hidden_size", "intermediate_size", "num_attention_heads",
               "patch_size", "image_size", "hidden_act"},
              {"layer_norm_eps"}};
    case Component::kProjector:
      return {{"projector_hidden_act"}, {"vision_feature_layer", "vision_feature_select_strategy"}};
    case Component::kText:
      break;
  }
  return {{"hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
           "head_dim", "hidden_act"},
          {"rope_theta", "sliding_window", "rms_norm_eps", "rope_scaling"}};
}

JsonFields config_of(Component component, const PlanInput& input) {
  const ModelConfig& config = input.checkpoint->config();
  switch (component) {
    case Component::kVision:
      return config.vision();
    case Component::kProjector:
      return {config.json, config.where};
    case Component::kText:
      break;
  }
  return config.text();
}

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

std::string difference(Component component, const char* key, const PlanInput& input,
                       const PlanInput& donor) {
  return std::string(key) + ": " + input.name + ": " + shown(config_of(component, input), key) +
         ", but " + donor.name + ": " + shown(config_of(component, donor), key);
}

std::size_t common_rows(const PlanInput& a, const PlanInput& b) {
  std::size_t rows = std::numeric_limits<std::size_t>::max();
  for (const PlanInput* const input : {&a, &b}) {
    const TensorInfo* const embedding = input->checkpoint->find(kEmbedName);
    if (embedding != nullptr) rows = std::min(rows, embedding->shape.front());
  }
  return rows;
}

}  // namespace

void refuse_layer_path(const std::string& name, const Checkpoint& model) {
  const ModelConfig& config = model.config();
  if (!config.has_layer_path()) return;
  throw Error(ErrorCode::kUnsupported,
              "a data-flow model executes its layers along a path, which would be lost: " + name +
                  ": " + config.architecture + " (a recipe with 'path: [{model: " + name +
                  "}]' makes a standard model of it)");
}

std::vector<std::string> compare_configs(Component component, const std::vector<PlanInput>& inputs,
                                         const std::set<std::size_t>& members, std::size_t donor) {
  std::vector<std::string> warnings;
  const Comparison comparison = comparison_of(component);
  const JsonFields wanted = config_of(component, inputs[donor]);
  for (const std::size_t index : members) {
    const PlanInput& input = inputs[index];
    const JsonFields config = config_of(component, input);
    for (const char* const key : comparison.must) {
      if (!differ(config, wanted, key)) continue;
      throw Error(
          ErrorCode::kInvalidArgument,
          "models do not fit together: " + difference(component, key, input, inputs[donor]));
    }
    for (const char* const key : comparison.should) {
      if (!differ_or_missing(config, wanted, key)) continue;
      warnings.push_back("configs differ in " + difference(component, key, input, inputs[donor]) +
                         " (the result takes the latter)");
    }
  }
  return warnings;
}

std::vector<std::string> compare_token_tables(const std::vector<PlanInput>& inputs,
                                              const std::set<std::size_t>& members,
                                              std::size_t donor, bool must_agree,
                                              TokenComparisons& comparisons) {
  std::vector<std::string> warnings;
  const PlanInput& wanted = inputs[donor];
  for (const std::size_t index : members) {
    const PlanInput& input = inputs[index];
    if (index == donor) continue;
    std::optional<std::string> difference;
    try {
      difference =
          comparisons.difference(input.checkpoint->directory(), wanted.checkpoint->directory(),
                                 common_rows(input, wanted));
    } catch (const Error& error) {
      const bool has_none = error.code() == ErrorCode::kNotFound;
      if (must_agree && !has_none && error.code() != ErrorCode::kUnsupported) throw;
      if (must_agree || !has_none) {
        warnings.push_back("token tables were not compared: " + input.name + " and " + wanted.name +
                           ": " + error.what());
      }
    }
    if (!difference) continue;
    const std::string message =
        "token tables differ, so rows of equal id are not the same token: " + input.name + " and " +
        wanted.name + ": " + *difference;
    if (must_agree) {
      throw Error(ErrorCode::kInvalidArgument,
                  message +
                      " (tokenizer_source: base matches rows by token, embeddings: {policy: "
                      "base} keeps those of " +
                      wanted.name + ")");
    }
    warnings.push_back(message);
  }
  return warnings;
}

}  // namespace vlm
