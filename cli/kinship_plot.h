#pragma once

#include <string>
#include <vector>

#include "merge/kinship_report.h"

namespace vlm {

// An SVG of the cosines: model against model, and each pair by kind of module and by layer.
std::string kinship_svg(const KinshipReport& report, const std::string& base,
                        const std::vector<std::string>& models);

}  // namespace vlm
