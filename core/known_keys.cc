#include "core/known_keys.h"

#include <algorithm>

#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {

void require_known_keys(const JsonFields& input, std::span<const std::string> known) {
  for (const auto& [key, value] : input.json().items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw Error(ErrorCode::kCorruptFile,
                "unknown key: " + input.where() + ": '" + key + "'" + name_hint(key, known));
  }
}

}  // namespace vlm
