#pragma once

// What prompts have in common at their beginning.

#include <cstddef>
#include <span>
#include <vector>

#include "language/generation_prompt.h"

namespace vlm {

// How many tokens at the beginning are the same in both: equal ids, or the same embedded rows in
// memory at the same place.
std::size_t common_prefix(const GenerationPrompt& a, const GenerationPrompt& b);

// The prompts' numbers in an order in which prompts that share a prefix are neighbours: by their
// ids from the front; embedded rows count by where they first occur.
std::vector<std::size_t> order_by_prefix(std::span<const GenerationPrompt> prompts);

}  // namespace vlm
