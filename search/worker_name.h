#pragma once

// Names for the processes that evaluate trials.

#include <string>

namespace vlm {

// "HOST:PID:START" of this process; START (clock ticks after boot) tells reused process ids apart.
std::string own_worker_name();

}  // namespace vlm
