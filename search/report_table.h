#pragma once

// The result table of a study as HTML.

#include <optional>
#include <string>

#include "search/model_table.h"

namespace vlm {

// Scores, share of Japanese answers, mean, and how far the evolved model is ahead, with the best
// value of every column in bold and words on what the numbers mean.
std::string model_table_html(const ModelTable& table);

// One sentence: the evolved model beside its best parent and the best of all others.
// Empty if the table has no evolved row or nothing beside it.
std::string verdict_html(const ModelTable& table);

// A metric in words, such as "share of right last numbers"; empty for an unknown one.
std::string metric_in_words(const std::string& metric);

}  // namespace vlm
