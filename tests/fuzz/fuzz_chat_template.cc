// A chat template: an Error or a text, in bounded time and memory.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "language/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vlm::JinjaValue;
  constexpr std::size_t kBudget = 1U << 18U;
  const auto message = [](const char* role, const char* content) {
    vlm::JinjaDict entries;
    entries.set("role", JinjaValue::text(role));
    entries.set("content", JinjaValue::text(content));
    return JinjaValue::dict(std::move(entries));
  };
  try {
    const vlm::JinjaTemplate chat(std::string_view(reinterpret_cast<const char*>(data), size));
    static_cast<void>(chat.loops_over("content"));
    vlm::JinjaVariables variables;
    variables.emplace("messages",
                      JinjaValue::list({message("system", " kurz "), message("user", "猫は\n\xff?"),
                                        message("assistant", "A")}));
    variables.emplace("bos_token", JinjaValue::text("<s>"));
    variables.emplace("add_generation_prompt", JinjaValue::boolean(true));
    static_cast<void>(chat.render(std::move(variables), kBudget));
  } catch (const vlm::Error&) {
  }
  return 0;
}
