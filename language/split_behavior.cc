#include "language/split_behavior.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "language/json_components.h"

namespace vlm {
namespace {

constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames = {
    {{"Removed", SplitBehavior::kRemoved},
     {"Isolated", SplitBehavior::kIsolated},
     {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
     {"MergedWithNext", SplitBehavior::kMergedWithNext},
     {"Contiguous", SplitBehavior::kContiguous}}};

// Whether a part that ends with `left` goes on with `right`.
bool belong_together(const TextSpan& left, const TextSpan& right, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kMergedWithPrevious:
      return !left.is_match && right.is_match;
    case SplitBehavior::kMergedWithNext:
      return left.is_match && !right.is_match;
    case SplitBehavior::kContiguous:
      return left.is_match == right.is_match;
    case SplitBehavior::kRemoved:
    case SplitBehavior::kIsolated:
      return false;
  }
  return false;
}

}  // namespace

SplitBehavior parse_split_behavior(const JsonFields& fields) {
  const std::string name = fields.text("behavior");
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  fail_unsupported("split behavior", fields, name);
}

std::vector<TextSpan> join_spans(const std::vector<TextSpan>& spans, SplitBehavior behavior) {
  std::vector<TextSpan> parts;
  for (const TextSpan& span : spans) {
    if (span.is_match && behavior == SplitBehavior::kRemoved) continue;
    if (!parts.empty() && belong_together(parts.back(), span, behavior)) {
      parts.back().end = span.end;
      parts.back().is_match = span.is_match;
    } else {
      parts.push_back(span);
    }
  }
  return parts;
}

}  // namespace vlm
