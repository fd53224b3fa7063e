#pragma once

// Whether a stored study may be continued by this run.

#include <string>
#include <vector>

#include "search/study_records.h"

namespace vlm {

// One line per key that differs or is on one side only, by key:
// "KEY: study has VALUE, this run has VALUE" (long values are cut).
std::vector<std::string> identity_differences(const StudyIdentity& study, const StudyIdentity& run);

// Throws Error{kInvalidArgument} with the first difference and the number of the others, unless
// both are equal.
void require_same_identity(const std::string& study_name, const StudyIdentity& study,
                           const StudyIdentity& run);

}  // namespace vlm
