#pragma once

// Numbers that take long to find, kept from a run that is killed to the one that goes on with it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vlm {

using Numbers = std::vector<std::uint64_t>;

// What `make` returned under the name `what` in an earlier run of the same work, else what it
// returns. Names have no white space.
using RecallNumbers =
    std::function<Numbers(const std::string& what, const std::function<Numbers()>& make)>;

}  // namespace vlm
