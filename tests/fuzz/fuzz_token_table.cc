// Any bytes as a tokenizer.json: refused, or tokens that are found under their ids, also after one
// is added.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "checkpoint/token_table.h"
#include "core/error.h"
#include "merge/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    vlm::TokenTable table;
    vlm::add_tokenizer_json(vlm::parse_json(text, "input"), "input", table);
    for (const auto& [id, token] : table.by_id()) {
      if (table.find(token.text) != id) std::abort();
    }
    const std::string added = "<one more>";
    if (table.find(added)) return 0;
    const std::size_t next = table.id_limit();
    const std::string longer = vlm::with_added_tokens(
        text, "input", {{next, {added, true, vlm::plain_added_token(added, true)}}});
    vlm::TokenTable again;
    vlm::add_tokenizer_json(vlm::parse_json(longer, "input"), "input", again);
    if (again.find(added) != next) std::abort();
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
