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
          "then kept by answering fewer prompts at a time")
      ->type_name("SIZE");
}

MemoryShares memory_shares(const std::optional<std::size_t>& budget_bytes,
                           const Checkpoint& checkpoint, WeightFormat format,
                           std::size_t num_threads) {
  if (!budget_bytes) return {};
  return share_memory(plan_memory(checkpoint, format, num_threads), *budget_bytes);
}

}  // namespace vlm
