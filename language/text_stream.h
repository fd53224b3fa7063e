#pragma once

// Text of a growing sequence of ids, released as soon as it can no longer change.

#include <cstddef>
#include <string>
#include <vector>

#include "language/tokenizer.h"

namespace vlm {

// Releases whole UTF-8 characters only: bytes of an unfinished character are held back. The cost of
// an id does not depend on how many came before. The text is that of Tokenizer::decode; only where
// ids make broken characters, the number of U+FFFD may be another.
class TextStream {
 public:
  // `tokenizer` must outlive the stream. Special tokens give no text.
  explicit TextStream(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  // Appends an id and returns the text that became certain, possibly "".
  std::string push(TokenId id);
  // Returns what was held back; broken characters become U+FFFD.
  std::string finish();
  // All text released so far.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  // Moves the text of the ids not yet released to text_ and returns it.
  std::string release(const std::string& window_text);

  const Tokenizer* tokenizer_;
  std::vector<TokenId> window_;   // the last released ids, then those not released
  std::size_t released_ids_ = 0;  // of window_
  std::string text_;
};

}  // namespace vlm
