#pragma once

// Points in time as Optuna stores them.

#include <string>

namespace vlm {

// Now, in UTC: YYYY-MM-DD HH:MM:SS.ffffff.
std::string utc_now();

}  // namespace vlm
