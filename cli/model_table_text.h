#pragma once

// The result table of a search as text.

#include <string>

#include "search/model_table.h"

namespace vlm {

// A line for each model: a score for each benchmark, the share of Japanese answers on Japanese
// benchmarks, the mean, and how far the evolved model is ahead with its 95 % interval. The best
// value of every score column is marked with an asterisk. Headings are short, for a terminal of 120
// columns; lines under the table say what they stand for.
std::string model_table_text(const ModelTable& table);

}  // namespace vlm
