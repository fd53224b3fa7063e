#pragma once

// Names for the processes that evaluate trials, by which a later process sees that one has died.

#include <string>

namespace vlm {

// "HOST:PID:START" of this process; START (clock ticks after boot) tells reused process ids apart.
std::string own_worker_name();

// True if `worker` is a name of this host whose process no longer runs. False when in doubt: other
// hosts, other names.
bool worker_has_died(const std::string& worker);

}  // namespace vlm
