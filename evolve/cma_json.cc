#include "evolve/cma_json.h"

#include <cmath>
#include <cstddef>

#include "core/error.h"

namespace vlm {
namespace {

const Json& numbers_at(const Json& object, std::string_view key, Eigen::Index size,
                       const std::string& where) {
  const auto found = object.find(std::string(key));
  if (found == object.end() || !found->is_array() ||
      found->size() != static_cast<std::size_t>(size)) {
    throw Error(ErrorCode::kCorruptFile, "bad array: " + where + ": " + std::string(key) +
                                             ": want " + std::to_string(size) + " numbers");
  }
  for (const Json& number : *found) {
    if (!number.is_number() || !(std::abs(number.get<double>()) <= kLargestStateNumber)) {
      throw Error(ErrorCode::kCorruptFile,
                  "bad number: " + where + ": " + std::string(key) + ": " +
                      number.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60));
    }
  }
  return *found;
}

}  // namespace

Json vector_to_json(const Eigen::VectorXd& values) {
  Json array = Json::array();
  for (Eigen::Index i = 0; i < values.size(); ++i) array.push_back(values[i]);
  return array;
}

Json symmetric_to_json(const Eigen::MatrixXd& matrix) {
  Json array = Json::array();
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    for (Eigen::Index col = 0; col <= row; ++col) array.push_back(matrix(row, col));
  }
  return array;
}

Eigen::VectorXd vector_from_json(const Json& object, std::string_view key, Eigen::Index size,
                                 const std::string& where) {
  const Json& array = numbers_at(object, key, size, where);
  Eigen::VectorXd values(size);
  for (Eigen::Index i = 0; i < size; ++i) {
    values[i] = array[static_cast<std::size_t>(i)].get<double>();
  }
  return values;
}

Eigen::MatrixXd symmetric_from_json(const Json& object, std::string_view key, Eigen::Index size,
                                    const std::string& where) {
  const Json& array = numbers_at(object, key, size * (size + 1) / 2, where);
  Eigen::MatrixXd matrix(size, size);
  auto next = array.begin();
  for (Eigen::Index row = 0; row < size; ++row) {
    for (Eigen::Index col = 0; col <= row; ++col, ++next) {
      matrix(row, col) = next->get<double>();
      matrix(col, row) = matrix(row, col);
    }
  }
  return matrix;
}

}  // namespace vlm
