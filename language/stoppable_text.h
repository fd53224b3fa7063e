#pragma once

// The text of a growing sequence of ids up to the first stop text, in pieces that can no longer
// become part of one.

#include <cstddef>
#include <string>
#include <vector>

#include "language/text_stream.h"

namespace vlm {

class StoppableText {
 public:
  // Both must outlive this. The stop texts are not empty; there may be none.
  StoppableText(const Tokenizer& tokenizer, const std::vector<std::string>& stops)
      : stream_(tokenizer), stops_(&stops) {}

  // Appends an id and returns the text that became certain, possibly "".
  // REQUIRES: !has_stopped().
  std::string push(TokenId id);
  // Returns what was held back; the text ends here. "" after a stop.
  std::string finish();

  // Whether a stop text was reached.
  [[nodiscard]] bool has_stopped() const noexcept { return has_stopped_; }
  // What push() and finish() have returned so far, joined.
  [[nodiscard]] std::string text() const { return stream_.text().substr(0, released_); }

 private:
  // Releases the text up to `end`.
  std::string release(std::size_t end);

  TextStream stream_;
  const std::vector<std::string>* stops_;
  std::size_t released_ = 0;  // bytes of the stream's text
  bool has_stopped_ = false;
};

}  // namespace vlm
