#pragma once

// The decoder of a tokenizer.json: joins the spellings of tokens to text.

#include <functional>
#include <string>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// Immutable: all functions may be called from several threads at once.
class TokenDecoder {
 public:
  // Reads "decoder": ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, Sequences of them,
  // or null: tokens with blanks between them. Throws Error{kCorruptFile, kUnsupported}.
  explicit TokenDecoder(const JsonFields& file);

  // The text of tokens, always valid UTF-8: broken characters become U+FFFD.
  [[nodiscard]] std::string decode(std::vector<std::string> tokens) const;

 private:
  // Changes the list of tokens.
  using Step = std::function<void(std::vector<std::string>& tokens)>;

  static Step parse(const JsonFields& component);
  static Step parse_strip(const JsonFields& component);

  bool is_null_;
  std::vector<Step> steps_;
};

}  // namespace vlm
