#include "merge/plan_cost.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "core/philox.h"
#include "merge/kernels/elementwise.h"

namespace vlm {
namespace {

constexpr double kWrittenBytesPerSecond = 1e9;
constexpr double kCopiedElementsPerSecond = 5e8;
// Sides of the matrices that are tried out. Methods differ in how their work grows with the matrix.
constexpr std::array<std::size_t, 2> kSides = {128, 256};
constexpr double kTriedElements = 256.0 * 256.0;
constexpr int kTries = 3;
constexpr double kSmallestExponent = 1.2;  // smaller growth than this is noise about 1
constexpr double kLargestExponent = 1.5;   // singular values: n^3 for n^2 elements

std::uint64_t elements_of(const TensorInfo& info) {
  return element_count(info.shape).value_or(0);
}

std::uint64_t bytes_of(const TensorInfo& info) {
  return elements_of(info) * element_size_bytes(info.dtype);
}

// float32 values of all inputs and of the result, and the bytes that are stored.
std::uint64_t memory_of(const TensorPlan& tensor) {
  std::uint64_t bytes = bytes_of(tensor.output) + elements_of(tensor.output) * sizeof(float);
  if (tensor.is_copy) return bytes;
  for (const PlannedSource& source : tensor.sources)
    bytes += elements_of(*source.info) * sizeof(float);
  if (tensor.base) bytes += elements_of(*tensor.base->info) * sizeof(float);
  return bytes;
}

std::uint64_t peak_memory(const MergePlan& plan, std::size_t num_threads) {
  std::vector<std::uint64_t> sizes;
  for (const TensorPlan& tensor : plan.tensors) sizes.push_back(memory_of(tensor));
  const std::size_t count = std::min(num_threads, sizes.size());
  std::partial_sort(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count), sizes.end(),
                    std::greater<>());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += sizes[i];
  return sum;
}

// Seconds that the method takes for a random tensor of side * side elements, read from and stored
// as bfloat16.
double try_out(const MergePlan& plan, const TensorPlan& tensor, std::size_t side) {
  const std::size_t size = side * side;
  RandomStream random(philox_key(0, "plan cost"), 0);
  std::vector<float> made(size);
  for (float& value : made) value = static_cast<float>(random.normal());
  std::vector<std::byte> stored(size * element_size_bytes(DType::kBF16));
  store_floats(made, DType::kBF16, stored);
  const TensorView view{DType::kBF16, {side, side}, stored};

  const auto start = std::chrono::steady_clock::now();
  std::vector<std::vector<float>> inputs(tensor.sources.size() + 1, std::vector<float>(size));
  for (std::vector<float>& input : inputs) {
    read_floats(view, 0, input);
    scale(input, 1.0F + 0.1F * static_cast<float>(&input - inputs.data()));  // so there are deltas
  }
  TensorMerge task;
  task.name = tensor.output.name;
  task.shape = {side, side};
  task.parameters = tensor.parameters;
  task.layer = tensor.layer;
  task.num_layers = plan.num_layers;
  if (tensor.base) task.base = inputs.back();
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) {
    task.models.push_back({i, inputs[i], tensor.sources[i].parameters, nullptr});
  }
  plan.method->merge(task, made);
  store_floats(made, DType::kBF16, stored);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The shortest of some tries: what else the machine does only adds to it.
double shortest_try(const MergePlan& plan, const TensorPlan& tensor, std::size_t side) {
  double shortest = try_out(plan, tensor, side);
  for (int i = 1; i < kTries; ++i) shortest = std::min(shortest, try_out(plan, tensor, side));
  return shortest;
}

double computing_seconds(const MergePlan& plan, const MethodSpeed& speed) {
  double seconds = 0.0;
  for (const TensorPlan& tensor : plan.tensors) {
    const auto elements = static_cast<double>(elements_of(tensor.output));
    seconds += tensor.is_copy ? elements / kCopiedElementsPerSecond
                              : speed.seconds * std::pow(elements / kTriedElements, speed.exponent);
  }
  return seconds;
}

}  // namespace

MethodSpeed try_method(const MergePlan& plan) {
  const TensorPlan* largest = nullptr;
  for (const TensorPlan& tensor : plan.tensors) {
    if (tensor.is_copy) continue;
    if (largest == nullptr || elements_of(largest->output) < elements_of(tensor.output)) {
      largest = &tensor;
    }
  }
  if (largest == nullptr) return {};
  const double small = shortest_try(plan, *largest, kSides[0]);
  const double large = shortest_try(plan, *largest, kSides[1]);
  const double growth = std::log(large / small) / std::log(4.0);  // four times the elements
  return {large, growth < kSmallestExponent ? 1.0 : std::min(growth, kLargestExponent)};
}

PlanCost estimate_cost(const MergePlan& plan, const MethodSpeed& speed, std::size_t num_threads) {
  std::uint64_t written = 0;
  for (const TensorPlan& tensor : plan.tensors) written += bytes_of(tensor.output);
  const double computing =
      computing_seconds(plan, speed) / static_cast<double>(std::max<std::size_t>(num_threads, 1));
  return {.peak_memory_bytes = peak_memory(plan, num_threads),
          .seconds = computing + static_cast<double>(written) / kWrittenBytesPerSecond};
}

}  // namespace vlm
