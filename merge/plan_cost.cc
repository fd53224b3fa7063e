#include "merge/plan_cost.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "checkpoint/writer.h"
#include "core/check.h"
#include "core/philox.h"
#include "core/thread_pool.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/merged_checkpoint.h"

namespace vlm {
namespace {

constexpr std::uint64_t kThreadBytes = std::uint64_t{4} << 20U;  // blocks and a part to write
// What a cut by magnitude collects of a delta, at most about, and what is noted of its entries.
constexpr std::uint64_t kElementsPerCollectedByte = 8;
constexpr std::uint64_t kMostElementsInWork = std::uint64_t{1} << 28U;  // unless one has more
constexpr double kCopiedElementsPerSecond = 5e8;
// The side of the matrix that is tried out. Products and eigenvectors of small ones are slower.
constexpr std::size_t kTriedSide = 256;
constexpr std::size_t kDecomposedSide = 512;
constexpr int kTries = 3;

std::uint64_t elements_of(const TensorInfo& info) {
  return element_count(info.shape).value_or(0);
}

std::uint64_t bytes_of(const TensorInfo& info) {
  return elements_of(info) * element_size_bytes(info.dtype);
}

// The plan of an input that is a merge itself: a document of the same recipe. Else null.
const MergePlan* plan_of(const PlanInput& input) {
  const auto* const merged = dynamic_cast<const MergedCheckpoint*>(input.checkpoint.get());
  return merged == nullptr ? nullptr : &merged->plan();
}

// What is held while a tensor is open.
struct OpenMemory {
  std::uint64_t bounded_bytes = 0;  // of MergeOptions::memory
  std::uint64_t heap_bytes = 0;

  [[nodiscard]] std::uint64_t total() const noexcept { return bounded_bytes + heap_bytes; }
};

OpenMemory open_memory(const MergePlan& plan, const TensorPlan& tensor);

// Of an input that is a merge itself what its method holds, and its values if it holds anything.
OpenMemory open_memory(const PlanInput& input, const TensorInfo& info) {
  OpenMemory memory;
  if (const MergePlan* const inner = plan_of(input)) {
    const auto found = std::ranges::find_if(
        inner->tensors, [&](const TensorPlan& tensor) { return tensor.output.name == info.name; });
    check(found != inner->tensors.end(), "open_memory: a tensor of the input");
    memory = open_memory(*inner, *found);
  } else {
    memory.heap_bytes = input.checkpoint->working_bytes(info);
  }
  if (memory.total() > 0) memory.heap_bytes += elements_of(info) * sizeof(float);
  return memory;
}

OpenMemory open_memory(const MergePlan& plan, const TensorPlan& tensor) {
  OpenMemory memory{memory_of_method(plan, tensor).tensor_bytes, 0};
  for_each_source(tensor, [&](const PlannedSource& source) {
    const OpenMemory more = open_memory(plan.inputs[source.input], *source.info);
    memory.bounded_bytes += more.bounded_bytes;
    memory.heap_bytes += more.heap_bytes;
  });
  return memory;
}

// Of the tensors that are open at a time (write_checkpoint()), without what is in files.
std::uint64_t memory_of_open_tensors(const MergePlan& plan) {
  std::uint64_t largest = 0;
  std::uint64_t all = 0;
  for (const TensorPlan& tensor : plan.tensors) {
    const OpenMemory memory = open_memory(plan, tensor);
    largest =
        std::max(largest, memory.heap_bytes + std::min(memory.bounded_bytes, kMaxWorkingBytes));
    all += memory.total();
  }
  return std::max(largest, std::min(all, kMaxWorkingBytes));
}

std::uint64_t peak_memory_of_blocks(const MergePlan& plan) {
  std::uint64_t largest = 0;
  std::uint64_t all = 0;
  std::uint64_t models = 0;
  for (const TensorPlan& tensor : plan.tensors) {
    if (tensor.is_copy) continue;
    largest = std::max(largest, elements_of(tensor.output));
    all += elements_of(tensor.output);
    models = std::max<std::uint64_t>(models, tensor.sources.size());
  }
  const std::uint64_t in_work = std::max(largest, std::min(all, kMostElementsInWork));
  return in_work * models / kElementsPerCollectedByte;
}

// How the method does with a random tensor of side * side elements, read from and stored as
// bfloat16.
double seconds_of(const MergePlan& plan, const TensorPlan& tensor, std::size_t side) {
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
  task.num_layers = tensor.num_layers;
  if (tensor.base) task.base = inputs.back();
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) {
    task.models.push_back({i, inputs[i], tensor.sources[i].parameters, nullptr});
  }
  ThreadPool alone(1);
  const StartedMerge merge(plan.method->start, task, alone);
  merge.read(0, made);
  store_floats(made, DType::kBF16, stored);
  const auto end = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(end - start).count();
}

// What the method looks at when it tells its memory or its work.
TensorMerge outline_of(const TensorPlan& tensor, Shape shape) {
  TensorMerge task;
  task.shape = std::move(shape);
  task.models.resize(tensor.sources.size());
  return task;
}

TensorMerge outline_of(const TensorPlan& tensor) {
  Shape shape = tensor.output.shape;
  if (!shape.empty()) shape.front() = tensor.merged_rows;
  return outline_of(tensor, std::move(shape));
}

MergeWork work_of(const MergeMethod& method, const TensorMerge& outline) {
  const auto elements = static_cast<double>(element_count(outline.shape).value_or(0));
  return method.work ? method.work(outline) : MergeWork{.shared = elements, .alone = 0};
}

// The shortest of some tries: what else the machine does only adds to it.
double shortest_seconds(const MergePlan& plan, const TensorPlan& tensor, std::size_t side) {
  double shortest = seconds_of(plan, tensor, side);
  for (int i = 1; i < kTries; ++i) shortest = std::min(shortest, seconds_of(plan, tensor, side));
  return shortest;
}

double computing_seconds(const MergePlan& plan, double seconds_of_operation,
                         std::size_t num_threads) {
  double seconds = 0.0;
  for (const TensorPlan& tensor : plan.tensors) {
    seconds += merging_seconds(plan, tensor, seconds_of_operation, num_threads);
  }
  for (const PlanInput& input : plan.inputs) {
    const MergePlan* const inner = plan_of(input);
    if (inner != nullptr) seconds += computing_seconds(*inner, try_method(*inner), num_threads);
  }
  return seconds;
}

// Besides open tensors.
MergeMemory memory_of_work(const MergePlan& plan) {
  MergeMemory memory;
  if (!plan.method->memory) memory.tensor_bytes = peak_memory_of_blocks(plan);
  for (const TensorPlan& tensor : plan.tensors) {
    memory.thread_bytes =
        std::max(memory.thread_bytes, memory_of_method(plan, tensor).thread_bytes);
  }
  for (const PlanInput& input : plan.inputs) {
    const MergePlan* const inner = plan_of(input);
    if (inner == nullptr) continue;
    const MergeMemory more = memory_of_work(*inner);
    memory.tensor_bytes += more.tensor_bytes;
    memory.thread_bytes += more.thread_bytes;
  }
  return memory;
}

std::uint64_t whole_tensor_bytes(const MergePlan& plan, const TensorPlan& tensor) {
  if (tensor.is_copy) return 0;
  std::uint64_t bytes = bytes_of(tensor.output) + elements_of(tensor.output) * sizeof(float);
  bytes += memory_of_method(plan, tensor).tensor_bytes;
  for (const PlannedSource& source : tensor.sources) {
    bytes += elements_of(*source.info) * sizeof(float);
  }
  if (tensor.base) bytes += elements_of(*tensor.base->info) * sizeof(float);
  return bytes;
}

}  // namespace

MergeMemory memory_of_method(const MergePlan& plan, const TensorPlan& tensor) {
  if (tensor.is_copy || !plan.method->memory) return {};
  return plan.method->memory(outline_of(tensor));
}

double try_method(const MergePlan& plan) {
  const TensorPlan* largest = nullptr;
  for (const TensorPlan& tensor : plan.tensors) {
    if (tensor.is_copy) continue;
    if (largest == nullptr || elements_of(largest->output) < elements_of(tensor.output)) {
      largest = &tensor;
    }
  }
  if (largest == nullptr) return 0;
  const std::size_t side = plan.method->work ? kDecomposedSide : kTriedSide;
  const MergeWork work = work_of(*plan.method, outline_of(*largest, {side, side}));
  return shortest_seconds(plan, *largest, side) / work.total();
}

std::uint64_t open_tensor_bytes(const MergePlan& plan, const TensorPlan& tensor) {
  return open_memory(plan, tensor).total();
}

std::size_t tensors_at_once(std::uint64_t bytes, std::size_t most) {
  return bytes == 0 ? most : std::clamp<std::size_t>(kMaxWorkingBytes / bytes, 1, most);
}

std::uint64_t overflow_bytes(const MergePlan& plan, std::uint64_t budget_bytes) {
  std::uint64_t largest = 0;
  for (const TensorPlan& tensor : plan.tensors) {
    largest = std::max(largest, open_memory(plan, tensor).bounded_bytes);
  }
  return largest - std::min(largest, budget_bytes);
}

std::uint64_t memory_of_blocks(const MergePlan& plan, std::size_t num_threads) {
  const MergeMemory work = memory_of_work(plan);
  return kProgramBytes + num_threads * (kThreadBytes + work.thread_bytes) + work.tensor_bytes;
}

std::uint64_t sum_of_largest(std::vector<std::uint64_t> sizes_bytes, std::size_t num_threads) {
  const std::size_t count = std::min(num_threads, sizes_bytes.size());
  std::partial_sort(sizes_bytes.begin(), sizes_bytes.begin() + static_cast<std::ptrdiff_t>(count),
                    sizes_bytes.end(), std::greater<>());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += sizes_bytes[i];
  return sum;
}

std::uint64_t whole_tensor_bytes(const MergePlan& plan, std::size_t num_threads) {
  std::vector<std::uint64_t> sizes;
  for (const TensorPlan& tensor : plan.tensors) sizes.push_back(whole_tensor_bytes(plan, tensor));
  return sum_of_largest(std::move(sizes), num_threads);
}

double merging_seconds(const MergePlan& plan, const TensorPlan& tensor, double seconds_of_operation,
                       std::size_t num_threads) {
  const auto threads = static_cast<double>(num_threads);
  if (tensor.is_copy) {
    return static_cast<double>(elements_of(tensor.output)) / kCopiedElementsPerSecond / threads;
  }
  const MergeWork work = work_of(*plan.method, outline_of(tensor));
  const auto at_once =
      static_cast<double>(tensors_at_once(open_tensor_bytes(plan, tensor), num_threads));
  return seconds_of_operation * (work.shared / threads + work.alone / at_once);
}

PlanCost estimate_cost(const MergePlan& plan, double seconds_of_operation,
                       std::size_t num_threads) {
  std::uint64_t written = 0;
  for (const TensorPlan& tensor : plan.tensors) {
    if (!plan.config.is_borrowed(tensor.output.name)) written += bytes_of(tensor.output);
  }
  const double computing = computing_seconds(plan, seconds_of_operation, num_threads);
  return {.peak_memory_bytes = memory_of_blocks(plan, num_threads) + memory_of_open_tensors(plan),
          .overflow_bytes = overflow_bytes(plan, kMaxWorkingBytes),
          .seconds = computing + static_cast<double>(written) / kWrittenBytesPerSecond};
}

}  // namespace vlm
