#pragma once

// adapter_config.json of a LoRA adapter, as PEFT writes it. `fan_in_fan_out` tells of layers that
// store their weights as [in, out] (GPT-2's); no model here has any, and for those PEFT ignores it,
// as this does.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vlm {

struct LoraConfig {
  std::string where;      // file name for messages
  std::string base_name;  // the model that the adapter is of; "": not told
  std::string task_type;  // e.g. "CAUSAL_LM"; "": none
  std::size_t rank = 0;
  double alpha = 0;
  bool is_rank_stabilised = false;  // scale alpha / sqrt(rank) instead of alpha / rank
  bool trains_biases = false;       // `bias` is "all" or "lora_only"
  std::vector<std::string> modules_to_save;
  // Modules with another rank or alpha: the end of a module's name, "^" in front of a whole name.
  std::vector<std::pair<std::string, std::size_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;

  // As PEFT: the value of the first pattern that fits the module's name, else the config's.
  [[nodiscard]] std::size_t rank_of(std::string_view module) const;
  // alpha / rank with the module's alpha. Kalajdzievski 2023, "A rank stabilization scaling factor
  // for fine-tuning with LoRA", has the root.
  [[nodiscard]] double scale_of(std::string_view module, std::size_t rank) const;
  // Whether `modules_to_save` names the end of the module's name. As in PEFT, "norm" also names
  // "input_layernorm".
  [[nodiscard]] bool saves(std::string_view module) const;
};

// Parses the text of an adapter_config.json. Throws Error{kCorruptFile}, and Error{kUnsupported}
// naming what would change the result in a way that is not offered: another kind of adapter, DoRA,
// repeated layers, trained tokens, patterns that are regular expressions.
LoraConfig parse_lora_config(std::string_view text, const std::string& where);

}  // namespace vlm
