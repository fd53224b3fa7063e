#pragma once

// The pre_tokenizer of a tokenizer.json: cuts a normalised text into words, which are then encoded
// on their own.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

struct Word {
  std::string text;
  bool at_start = false;  // of the whole text
};

// Immutable: all functions may be called from several threads at once.
class PreTokenizer {
 public:
  // Reads "pre_tokenizer": Split, ByteLevel, Digits, Metaspace, Sequences of them, or null.
  // Throws Error{kCorruptFile, kUnsupported}.
  explicit PreTokenizer(const JsonFields& file);

  // The words of a text, none empty. `at_start`: whether the whole text starts with it.
  [[nodiscard]] std::vector<Word> split(std::string_view text, bool at_start) const;

 private:
  // Appends what becomes of a word.
  using Step = std::function<void(const Word& word, std::vector<Word>& words)>;

  static Step parse(const JsonFields& component);
  static Step parse_split(const JsonFields& component);
  static Step parse_byte_level(const JsonFields& component);
  static Step parse_digits(const JsonFields& component);
  static Step parse_metaspace(const JsonFields& component);

  std::vector<Step> steps_;
};

}  // namespace vlm
