#pragma once

// Vectors and symmetric matrices of doubles as JSON arrays; exact in both directions, because the
// numbers are written with the digits that identify them.

#include <string>
#include <string_view>

#include <Eigen/Dense>

#include "core/json_fields.h"

namespace vlm {

// The largest magnitude in a state of CMA-ES; products of four still fit a double.
constexpr double kLargestStateNumber = 1e75;

Json vector_to_json(const Eigen::VectorXd& values);
// The lower triangle, row by row: n (n + 1) / 2 numbers.
Json symmetric_to_json(const Eigen::MatrixXd& matrix);

// Both throw Error{kCorruptFile} unless object[key] holds the right number of numbers of a
// magnitude up to kLargestStateNumber.
Eigen::VectorXd vector_from_json(const Json& object, std::string_view key, Eigen::Index size,
                                 const std::string& where);
Eigen::MatrixXd symmetric_from_json(const Json& object, std::string_view key, Eigen::Index size,
                                    const std::string& where);

}  // namespace vlm
