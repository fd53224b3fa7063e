#pragma once

// The course of a search as a picture.

#include <span>
#include <string>

#include "search/study_records.h"

namespace vlm {

// An SVG with a dot for each completed trial, the best so far, the mean of each generation and a
// cross for each failed trial, over the trials' numbers. Shows the first objective. A trial whose
// value is not finite counts as failed. If the worst 2 % would squeeze the others, they are hollow
// dots at the end of the axis. Empty text if no trial has ended.
std::string fitness_curve_svg(std::span<const Trial> trials, Direction direction);

}  // namespace vlm
