#pragma once

// How methods declare their parameters, and the rows that several of them share.

#include <optional>
#include <string>
#include <vector>

#include "merge/method.h"

namespace vlm {

// Any number; absent `fallback`: required.
ParameterSpec any_number(std::string name, ParameterScope scope, std::optional<double> fallback,
                         std::string meaning);

struct Range {
  double lowest = 0;
  double highest = 1;
};
ParameterSpec number_in(std::string name, ParameterScope scope, Range range,
                        std::optional<double> fallback, std::string meaning);

// Of the whole merge.
ParameterSpec flag(std::string name, bool fallback, std::string meaning);
// Of the whole merge; the default is choices[0] unless `fallback` says another.
ParameterSpec choice(std::string name, std::vector<std::string> choices, std::string meaning,
                     std::size_t fallback = 0);

ParameterSpec weight_parameter();     // required, any number
ParameterSpec int8_mask_parameter();  // accepted for mergekit, no effect

// A sum of weights of a smaller magnitude divides nothing (mergekit's bound).
inline constexpr double kSmallestDivisor = 1e-8;

// The sum of the models' weights.
double weight_sum(const TensorMerge& task);

// Complains about weights that sum to 0 if the parameter `flag_name` asks to divide by their sum.
std::optional<std::string> complain_about_weight_sum(const TensorMerge& task,
                                                     const std::string& flag_name);

}  // namespace vlm
