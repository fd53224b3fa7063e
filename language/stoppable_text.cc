#include "language/stoppable_text.h"

#include <algorithm>
#include <string_view>

namespace vlm {
namespace {

// The place of the first stop text in `text` at or after `from`, npos if there is none.
std::size_t find_stop(std::string_view text, std::size_t from,
                      const std::vector<std::string>& stops) {
  std::size_t first = std::string_view::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop, from));
  return first;
}

// How many bytes at the end of `text` are the beginning of a stop text.
std::size_t started_stop(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t longest = 0;
  for (const std::string_view stop : stops) {
    for (std::size_t size = std::min(stop.size() - 1, text.size()); size > longest; --size) {
      if (text.ends_with(stop.substr(0, size))) longest = size;
    }
  }
  return longest;
}

}  // namespace

std::string StoppableText::release(std::size_t end) {
  std::string piece = stream_.text().substr(released_, end - released_);
  released_ = end;
  return piece;
}

std::string StoppableText::push(TokenId id) {
  stream_.push(id);
  const std::string_view text = stream_.text();
  const std::size_t stop = find_stop(text, released_, *stops_);
  has_stopped_ = stop != std::string_view::npos;
  if (has_stopped_) return release(stop);
  return release(text.size() - started_stop(text.substr(released_), *stops_));
}

std::string StoppableText::finish() {
  if (has_stopped_) return "";
  stream_.finish();
  return release(stream_.text().size());
}

}  // namespace vlm
