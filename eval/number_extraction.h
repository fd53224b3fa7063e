#pragma once

// The number that a worked solution ends with, by the rules of two published evaluations.

#include <optional>
#include <string_view>

namespace vlm {

// The last match of \d*\.?\d+ as a number, where \d is any Unicode decimal digit (category Nd).
// SakanaAI evolutionary-model-merge, eval/ja_mgsm.py, with its consequences: no sign ("-5" is 5),
// no thousands separator ("1,234" is 234), the last number anywhere, units and years included.
std::optional<double> last_number(std::string_view text);

// The last match of (\-?[0-9\.\,]+) without commas and outer dots, if that is a whole number.
// JP-LMEH (lm-evaluation-harness, branch jp-stable), task mgsm.
std::optional<double> last_integer_of_harness(std::string_view text);

}  // namespace vlm
