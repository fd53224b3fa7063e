#pragma once

// How a study came about: time spent, failures, hashes, the search file.

#include <span>
#include <string>

#include "search/study_records.h"
#include "search/study_store.h"

namespace vlm {

// What the phases of all trials took together and for each candidate; empty if nobody measured.
std::string time_html(const StudyStore& store, std::span<const Trial> trials);

// Why trials failed, the most frequent reason first; empty if none did.
std::string failures_html(std::span<const Trial> trials);

// Seed, settings, hashes of models and data: what has to be equal to get this study again.
std::string identity_html(const StudyIdentity& identity);

// A duration for people: "8.2 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

}  // namespace vlm
