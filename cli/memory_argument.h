#pragma once

// The option --memory of commands that run models.

#include <cstddef>
#include <optional>

#include <CLI/CLI.hpp>

namespace vlm {

// Adds --memory, stored in `budget_bytes`, which must outlive the parsing.
void add_memory_option(CLI::App& command, std::optional<std::size_t>& budget_bytes);

}  // namespace vlm
