#include "merge/adapter_cost.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "checkpoint/writer.h"
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

// The factors of all adapters in float32, and what is made of them. Embeddings get transposed ones.
std::uint64_t factor_bytes(const AdapterPlan& plan, std::size_t target) {
  std::uint64_t elements = 0;
  for (const auto& adapter : plan.adapters) {
    for (const LoraUpdate& update : adapter->updates()) {
      if (update.target != output(plan, target).name || update.kind != LoraUpdateKind::kProduct) {
        continue;
      }
      const std::size_t of_update =
          element_count(update.a.shape).value_or(0) + element_count(update.b.shape).value_or(0);
      elements += of_update * (update.is_transposed ? 2 : 1);
    }
  }
  std::uint64_t made = product_elements(plan, target) * sizeof(float);
  if (plan.targets[target].form == AdapterForm::kCut) {
    const std::size_t rows = output(plan, target).shape.front();
    made += factorize_bytes(rows, elements_of(plan, target) / rows, plan.targets[target].rank);
  }
  return elements * sizeof(float) + made;
}

// Deltas that are held as a whole share kMaxWorkingBytes.
std::uint64_t peak_memory(const AdapterPlan& plan, std::size_t num_threads) {
  std::vector<std::uint64_t> factors;
  std::vector<std::uint64_t> held;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    factors.push_back(factor_bytes(plan, i));
    held.push_back(working_bytes(plan, i));
  }
  const bool are_joined = std::ranges::all_of(held, [](std::uint64_t bytes) { return bytes == 0; });
  return (are_joined ? kProgramBytes : memory_of_blocks(plan.deltas, num_threads)) +
         sum_of_largest(std::move(factors), num_threads) +
         std::min(sum_of_largest(std::move(held), num_threads), kMaxWorkingBytes);
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

std::uint64_t working_bytes(const AdapterPlan& plan, std::size_t target) {
  if (plan.targets[target].form == AdapterForm::kJoined) return 0;
  return elements_of(plan, target) * sizeof(float) +
         open_tensor_bytes(plan.deltas, plan.deltas.tensors[target]);
}

std::uint64_t overflow_bytes(const AdapterPlan& plan) {
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    largest = std::max(largest, working_bytes(plan, i));
  }
  return largest - std::min(largest, kMaxWorkingBytes);
}

PlanCost estimate_adapter_cost(const AdapterPlan& plan, std::size_t num_threads) {
  const double of_operation = try_method(plan.deltas);
  const double of_decomposition = seconds_of_decomposition();
  double seconds = static_cast<double>(bytes_to_write(plan)) / kWrittenBytesPerSecond;
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    const AdapterTarget& target = plan.targets[i];
    if (target.form == AdapterForm::kJoined) continue;
    const std::size_t at_once =
        tensors_at_once(working_bytes(plan, i), std::min(num_threads, plan.targets.size()));
    seconds += merging_seconds(plan.deltas, plan.deltas.tensors[i], of_operation,
                               at_once == 1 ? num_threads : at_once);
    seconds += of_decomposition * static_cast<double>(elements_of(plan, i)) *
               static_cast<double>(target.rank) / static_cast<double>(at_once);
  }
  return {.peak_memory_bytes = peak_memory(plan, num_threads),
          .overflow_bytes = overflow_bytes(plan),
          .seconds = seconds};
}

}  // namespace vlm
