#pragma once

// The optimiser that a search file asks for.

#include <memory>
#include <string>

#include "evolve/optimizer.h"
#include "evolve/search_space.h"
#include "search/search_config.h"

namespace vlm {

// Throws Error{kInvalidArgument} for a space that the optimiser refuses, or for fewer trials than a
// greedy soup takes.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerSettings& settings,
                                          const SearchSpace& space);

// Its name and those settings that it heeds, but trials and seed.
std::string describe(const OptimizerSettings& settings);

}  // namespace vlm
