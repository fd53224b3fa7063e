#include "cli/weights_argument.h"

#include <string>

namespace vlm {

void add_weights_option(CLI::App& command, WeightFormat& format) {
  command
      .add_option_function<std::string>(
          "--weights",
          [&format](const std::string& name) { format = *weight_format_from_name(name); },
          "how weights are kept and multiplied: float32 (default), bfloat16 or int8 (with it a "
          "vision tower is bfloat16)")
      ->check(CLI::IsMember(weight_format_names()));
}

}  // namespace vlm
