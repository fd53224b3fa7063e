#pragma once

// The option --weights of every command that runs a model.

#include <CLI/CLI.hpp>

#include "tensor/weight_matrix.h"

namespace vlm {

// Adds --weights, stored in `format`, which must outlive the parsing.
void add_weights_option(CLI::App& command, WeightFormat& format);

}  // namespace vlm
