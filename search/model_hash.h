#pragma once

// Which models a study was made with.

#include <string>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"

namespace vlm {

// SHA-256, as hex, over the configuration and the names, types, shapes and values of all tensors,
// in the order of the files. Tensors are read over the pool.
std::string hash_model(const Checkpoint& checkpoint, ThreadPool& pool);

}  // namespace vlm
