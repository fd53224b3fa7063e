#pragma once

// The methods and their parameters in words, for --help and the documentation.

#include <string>

#include "merge/method.h"

namespace vlm {

// How many models a method takes: "base and 1 to 64".
std::string models_text(const MergeMethod& method);
// The allowed values: "any", "0 to 1", "true, false", or the words.
std::string range_text(const ParameterSpec& parameter);
// One of them: "0.5", "true", or the word.
std::string value_text(const ParameterSpec& parameter, double value);
// The default, or "required".
std::string default_text(const ParameterSpec& parameter);
// "each model" or "the merge".
std::string scope_text(const ParameterSpec& parameter);

// Some lines: what the method computes, its paper, and a line for each parameter.
std::string method_help(const MergeMethod& method);

}  // namespace vlm
