#pragma once

// A study as one HTML page that needs nothing else: fitness curve, result table, sample answers
// with their pictures, the best recipe, how it was made.

#include <filesystem>
#include <string>

#include "search/study_store.h"

namespace vlm {

// The page. Pictures of sample answers are read from the benchmarks under `data_root` and embedded.
// A study that has not ended shows what there is. Throws Error{kCorruptFile, kIo}.
std::string report_html(const StudyStore& store, const std::filesystem::path& data_root);

}  // namespace vlm
