#pragma once

// A guard against recursion that goes too deep.

#include <cstddef>

#include "language/jinja/problem.h"

namespace vlm {

// One more level, for as long as the object lives.
class JinjaNesting {
 public:
  // Counts in `depth`. Throws Error{kInvalidArgument} beyond `limit`.
  JinjaNesting(std::size_t& depth, std::size_t limit, std::size_t line) : depth_(&depth) {
    if (depth >= limit) jinja_fail(line, "nested too deep");
    ++depth;
  }
  ~JinjaNesting() { --*depth_; }
  JinjaNesting(const JinjaNesting&) = delete;
  JinjaNesting& operator=(const JinjaNesting&) = delete;
  JinjaNesting(JinjaNesting&&) = delete;
  JinjaNesting& operator=(JinjaNesting&&) = delete;

 private:
  std::size_t* depth_;
};

}  // namespace vlm
