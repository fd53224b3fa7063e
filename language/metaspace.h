#pragma once

// The Metaspace component of a tokenizer.json: blanks are spelled as a visible character.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/json_fields.h"
#include "language/text_pattern.h"

namespace vlm {

// Immutable: all functions may be called from several threads at once.
class Metaspace {
 public:
  // Reads a component, used for cutting or for decoding. Throws Error{kCorruptFile, kUnsupported}.
  explicit Metaspace(const JsonFields& component);

  // Whether words are cut before each spelled blank.
  [[nodiscard]] bool splits() const noexcept { return splits_; }
  // The spelled blank.
  [[nodiscard]] const TextPattern& pattern() const noexcept { return pattern_; }
  // Blanks spelled, and one put before the text if the component says so.
  [[nodiscard]] std::string spell(std::string_view text, bool at_start) const;
  // The text of a token; of the first of a text the blanks that were put before it are dropped.
  [[nodiscard]] std::string unspell(std::string_view token, bool is_first) const;

 private:
  enum class Prefix : std::uint8_t { kAlways, kFirst, kNever };

  static Prefix parse_prefix(const JsonFields& component);

  std::string blank_;
  TextPattern pattern_;
  Prefix prefix_;
  bool splits_;
};

}  // namespace vlm
