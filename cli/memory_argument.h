#pragma once

// The option --memory of commands that run one model.

#include <cstddef>
#include <optional>

#include <CLI/CLI.hpp>

#include "checkpoint/checkpoint.h"
#include "model/memory_plan.h"
#include "tensor/weight_matrix.h"

namespace vlm {

// Adds --memory, stored in `budget_bytes`, which must outlive the parsing.
void add_memory_option(CLI::App& command, std::optional<std::size_t>& budget_bytes);

// What the budget, if there is one, leaves for pictures and for keys and values.
// Throws what share_memory() throws.
MemoryShares memory_shares(const std::optional<std::size_t>& budget_bytes,
                           const Checkpoint& checkpoint, WeightFormat format,
                           std::size_t num_threads);

}  // namespace vlm
