#include "merge/adapter_cost.h"

#include <chrono>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "merge/kernels/low_rank.h"

namespace vlm {
namespace {

constexpr std::size_t kCutSide = 512;
constexpr std::size_t kCutRank = 8;

const TensorInfo& output(const AdapterPlan& plan, std::size_t target) {
  return plan.deltas.tensors[target].output;
}

std::uint64_t elements_of(const AdapterPlan& plan, std::size_t target) {
  return element_count(output(plan, target).shape).value_or(0);
}

// Of A and B together; 0 of what is no product.
std::uint64_t product_elements(const AdapterPlan& plan, std::size_t target) {
  if (plan.targets[target].rank == 0) return 0;
  const std::uint64_t rows = output(plan, target).shape.front();
  return plan.targets[target].rank * (rows + elements_of(plan, target) / rows);
}

std::uint64_t stored_elements(const AdapterPlan& plan, std::size_t target) {
  return plan.targets[target].rank == 0 ? elements_of(plan, target)
                                        : product_elements(plan, target);
}

// A product has its factors as they are read and as they are joined or found (in double).
std::uint64_t memory_of(const AdapterPlan& plan, std::size_t target) {
  const std::uint64_t factors = product_elements(plan, target) * 2 * sizeof(double);
  switch (plan.targets[target].form) {
    case AdapterForm::kJoined:
      return factors;
    case AdapterForm::kCut:
    case AdapterForm::kBias:
      return whole_tensor_bytes(plan.deltas, plan.deltas.tensors[target]) + factors;
    case AdapterForm::kWhole:
      break;
  }
  return whole_tensor_bytes(plan.deltas, plan.deltas.tensors[target]) +
         elements_of(plan, target) * sizeof(float);
}

std::uint64_t peak_memory(const AdapterPlan& plan, std::size_t num_threads) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) sizes.push_back(memory_of(plan, i));
  return kProgramBytes + sum_of_largest(std::move(sizes), num_threads);
}

// Of factorize() for each element and rank.
double seconds_of_decomposition() {
  std::vector<float> values(kCutSide * kCutSide);
  RandomStream random(philox_key(0, "adapter cost"), 0);
  for (float& value : values) value = static_cast<float>(random.normal());
  const MatrixView<const float> matrix(std::span<const float>(values), kCutSide, kCutSide);
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(residual_of(matrix, factorize(matrix, kCutRank, 0)));
  const auto end = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(end - start).count() /
         static_cast<double>(values.size() * kCutRank);
}

}  // namespace

std::uint64_t bytes_to_read(const AdapterPlan& plan) {
  std::uint64_t bytes = 0;
  for (const auto& adapter : plan.adapters) bytes += adapter->weight_file().size_bytes;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    if (plan.targets[i].form != AdapterForm::kWhole) continue;
    const TensorInfo* const before = plan.base->find(output(plan, i).name);
    bytes += elements_of(plan, i) * element_size_bytes(before->dtype);
  }
  return bytes;
}

std::uint64_t bytes_to_write(const AdapterPlan& plan) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    bytes += stored_elements(plan, i) * element_size_bytes(plan.dtype);
  }
  return bytes;
}

PlanCost estimate_adapter_cost(const AdapterPlan& plan, std::size_t num_threads) {
  const double of_operation = try_method(plan.deltas);
  const double of_decomposition = seconds_of_decomposition() / static_cast<double>(num_threads);
  double seconds = static_cast<double>(bytes_to_write(plan)) / kWrittenBytesPerSecond;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    const AdapterTarget& target = plan.targets[i];
    if (target.form == AdapterForm::kJoined) continue;
    seconds += merging_seconds(plan.deltas, plan.deltas.tensors[i], of_operation, num_threads);
    seconds += of_decomposition * static_cast<double>(elements_of(plan, i)) *
               static_cast<double>(target.rank);
  }
  return {.peak_memory_bytes = peak_memory(plan, num_threads), .seconds = seconds};
}

}  // namespace vlm
