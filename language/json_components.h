#pragma once

// The parts of a tokenizer.json are components, {"type": NAME, ...}, or Sequences of components.

#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// The component under `key` with Sequences replaced by their members, found under `members`; none
// if it is null. `file` must outlive the readers. Throws Error{kCorruptFile}.
std::vector<JsonFields> read_components(const JsonFields& file, std::string_view key,
                                        std::string_view members);

// Throws Error{kUnsupported}: "KIND is not supported: where: VALUE".
[[noreturn]] void fail_unsupported(std::string_view kind, const JsonFields& fields,
                                   std::string_view value);

}  // namespace vlm
