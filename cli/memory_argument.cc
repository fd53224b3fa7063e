#include "cli/memory_argument.h"

#include <string>

#include "cli/option_checks.h"

namespace vlm {

void add_memory_option(CLI::App& command, std::optional<std::size_t>& budget_bytes) {
  command
      .add_option_function<std::string>(
          "--memory",
          [&budget_bytes](const std::string& text) {
            budget_bytes = parse_size_bytes("--memory", text);
          },
          "what the run may take, e.g. 8GB (default: no bound): checked before weights are read, "
          "then kept by doing less at a time")
      ->type_name("SIZE");
}

}  // namespace vlm
