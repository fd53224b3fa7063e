#pragma once

// Tensors of a checkpoint as a whole or one part after the other, for who takes no blocks.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"

namespace vlm {

// Calls use(first, values) for the parts of a tensor, some hundred thousand elements from `first`
// on, in order and on the calling thread. REQUIRES: `info` is from tensors().
void for_each_part(const Checkpoint& checkpoint, const TensorInfo& info,
                   const std::function<void(std::size_t first, std::span<const float>)>& use);

// All values, in `memory`; what the checkpoint takes to read parts comes on top. REQUIRES: `info`
// is from tensors().
std::pmr::vector<float> read_whole(const Checkpoint& checkpoint, const TensorInfo& info,
                                   std::pmr::memory_resource& memory, ThreadPool& pool);

// How many of `most` tensors, at least one, are held as a whole at a time within kMaxWorkingBytes;
// `bytes_of(i)` is what the i-th takes.
std::size_t count_held_together(std::size_t most,
                                const std::function<std::uint64_t(std::size_t i)>& bytes_of);

}  // namespace vlm
