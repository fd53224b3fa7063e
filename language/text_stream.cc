#include "language/text_stream.h"

#include <cstddef>
#include <span>
#include <string_view>

#include "language/valid_utf8.h"

namespace vlm {
namespace {

// The replacement character: what the bytes of an unfinished character decode to.
}  // namespace

// Decoding starts at ids already released, because the text of an id can depend on what is before
// it: the first blanks of a text are not shown. A new start must have text beyond such blanks.
// Bytes that turn out to be broken can make the text of released ids another one; then the new ids
// are decoded alone.
std::string TextStream::release(const std::string& window_text) {
  const std::string before = tokenizer_->decode(std::span(window_).first(released_ids_));
  std::string released = window_text.starts_with(before)
                             ? window_text.substr(before.size())
                             : tokenizer_->decode(std::span(window_).subspan(released_ids_));
  text_ += released;
  const auto start = window_.begin() + static_cast<std::ptrdiff_t>(released_ids_);
  if (start != window_.end() && !tokenizer_->decode(std::span(start, 1)).empty()) {
    window_.erase(window_.begin(), start);
  }
  released_ids_ = window_.size();
  return released;
}

std::string TextStream::push(TokenId id) {
  window_.push_back(id);
  const std::string window_text = tokenizer_->decode(window_);
  if (window_text.empty() || window_text.ends_with(kReplacementCharacter)) return "";
  return release(window_text);
}

std::string TextStream::finish() {
  const std::string window_text = tokenizer_->decode(window_);
  return window_text.empty() ? "" : release(window_text);
}

}  // namespace vlm
