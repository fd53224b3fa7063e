#pragma once

// The normalizer of a tokenizer.json: what is done to a text before it is cut into words.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// Immutable: all functions may be called from several threads at once.
class TextNormalizer {
 public:
  // Reads "normalizer": Prepend, Replace, NFC, NFD, NFKC, NFKD, Sequences of them,
  // or null. Throws Error{kCorruptFile, kUnsupported}.
  explicit TextNormalizer(const JsonFields& file);

  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string_view text)>;

  static Step parse(const JsonFields& component);

  std::vector<Step> steps_;
};

}  // namespace vlm
