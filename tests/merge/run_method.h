#pragma once

// Runs a merge method on one made-up tensor.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "core/philox.h"
#include "merge/block_loop.h"
#include "tensor/bfloat16.h"
#include "tensor/dtype.h"

namespace vlm {

using Floats = std::vector<float>;

struct Input {
  Floats values;
  ParameterValues parameters;
};

// Rounds values to bfloat16, and gives them as they are stored then.
inline std::vector<Bfloat16> as_bfloat16(Floats& values) {
  std::vector<Bfloat16> stored;
  for (float& value : values) {
    stored.push_back(Bfloat16{float_to_bf16(value)});
    value = to_float(stored.back());
  }
  return stored;
}

// A task of one tensor with the defaults of all parameters that are not given. Its spans show the
// base and the inputs.
inline TensorMerge make_task(const MergeMethod& method, const Floats& base,
                             const std::vector<Input>& inputs, const ParameterValues& global,
                             Shape shape = {}) {
  TensorMerge task;
  task.name = "text/x";
  task.shape = shape.empty() ? Shape{inputs.front().values.size()} : std::move(shape);
  task.base = base;
  task.parameters = global;
  for (const Input& input : inputs) {
    task.models.push_back({task.models.size() + 1, input.values, input.parameters, nullptr});
  }
  for (const ParameterSpec& spec : method.parameters) {
    if (!spec.fallback) continue;
    task.parameters.emplace(spec.name, *spec.fallback);
    for (ModelTensor& model : task.models) model.parameters.emplace(spec.name, *spec.fallback);
  }
  return task;
}

inline Floats run(const std::string& name, const Floats& base, const std::vector<Input>& inputs,
                  const ParameterValues& global = {}, const Shape& shape = {},
                  std::uint64_t seed = 0) {
  const MergeMethod& method = find_merge_method(name, "test");
  TensorMerge task = make_task(method, base, inputs, global, shape);
  task.seed = seed;
  Floats out(inputs.front().values.size());
  ThreadPool alone(1);
  StartedMerge(method.start, task, alone).read(0, out);
  return out;
}

inline Floats random_values(std::size_t size, const char* purpose) {
  RandomStream random(philox_key(3, purpose), size);
  Floats values;
  for (std::size_t i = 0; i < size; ++i) values.push_back(static_cast<float>(random.normal()));
  return values;
}

inline void expect_near(const Floats& actual, const Floats& wanted, double tolerance) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], wanted[i], tolerance) << i;
}

// A matrix, or a vector, as one row after the other.
inline Floats flatten(const Json& matrix) {
  if (matrix.is_number()) return {matrix.get<float>()};
  Floats values;
  for (const Json& part : matrix) {
    const Floats inner = flatten(part);
    values.insert(values.end(), inner.begin(), inner.end());
  }
  return values;
}

inline Shape shape_of(const Json& matrix) {
  if (!matrix.is_array()) return {};
  Shape shape{matrix.size()};
  const Shape inner = shape_of(matrix.front());
  shape.insert(shape.end(), inner.begin(), inner.end());
  return shape;
}

}  // namespace vlm
