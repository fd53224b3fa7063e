#pragma once

// Some test questions with their pictures and what the models answered.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "search/model_table.h"
#include "search/study_store.h"

namespace vlm {

// Which `count` of `size` items a page shows: every n-th, from the first on, so that nobody picks.
std::vector<std::size_t> every_nth(std::size_t size, std::size_t count);

// About twelve questions with the answers of the evolved model, the parents and the controls side
// by side. What a study does not hold is left out; where a picture cannot be read the page says so.
// Empty if no model's answers are in the store. Throws Error{kCorruptFile} for answers nobody can
// have written.
std::string sample_answers_html(const StudyStore& store, const ModelTable& table,
                                const std::filesystem::path& data_root);

}  // namespace vlm
