#pragma once

// Merge methods: what a method is called, which parameters it takes, and how it merges a tensor
// block by block. A new method is one file in merge/methods/ and one row in merge/method.cc.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/recall_numbers.h"
#include "core/thread_pool.h"
#include "merge/tensor_values.h"
#include "tensor/tensor_view.h"

namespace vlm {

enum class ParameterKind : std::uint8_t {
  kNumber,
  kBoolean,
  kChoice  // one of several words; its value is the word's index
};
enum class ParameterScope : std::uint8_t {
  kPerModel,  // each model has its own value
  kGlobal     // one value per output tensor
};

struct ParameterSpec {
  std::string name;
  ParameterKind kind = ParameterKind::kNumber;
  ParameterScope scope = ParameterScope::kPerModel;
  std::optional<double> fallback;  // absent: required
  double lowest = 0;               // allowed range, both ends included
  double highest = 0;
  std::string meaning;
  std::vector<std::string> choices = {};  // of kChoice
};

// Resolved values by parameter name; booleans are 0 or 1, choices their index.
using ParameterValues = std::map<std::string, double, std::less<>>;

using Words = std::vector<std::uint32_t>;

// Remembers words that follow from the input tensors, the output's name and the seed, but from no
// parameter, between merges of the same models: those made earlier under the name `what`, else what
// `make` returns; null if there is no room for `count` words.
using RememberWords = std::function<std::shared_ptr<const Words>(
    std::string_view what, std::size_t count, const std::function<Words()>& make)>;

// One model's part of an output tensor.
struct ModelTensor {
  std::size_t model = 0;  // position among the recipe's inputs; keys random masks
  TensorValues values;    // [n]
  ParameterValues parameters;
  RememberWords remember;  // empty: nothing is remembered
  // The values are the base's because they cannot be others: of an adapter that does not adapt the
  // tensor. It is no part of what cuts over the whole model (`scope: model`) take a share of.
  bool changes_nothing = false;
};

// One output tensor to compute.
struct TensorMerge {
  std::string_view name;             // of the output, canonical; keys random masks
  Shape shape;                       // product n
  std::uint64_t seed = 0;            // of random masks
  TensorValues base;                 // [n]; empty without a base
  std::vector<ModelTensor> models;   // recipe order; the base is among them only if it is an input
                                     // like the others (BaseRole::kOrdinary)
  ParameterValues parameters;        // global
  std::optional<std::size_t> layer;  // of the result; absent: embeddings, final norm, head
  std::size_t num_layers = 0;        // of the result
  bool imitates_mergekit = false;    // repeat its documented mistakes (Recipe::imitates_mergekit)
  // Where a method holds what MergeMethod::memory counts.
  std::pmr::memory_resource* memory = std::pmr::new_delete_resource();
};

// All tensors of one merge but those that are copied, in output order.
class MergeTasks {
 public:
  MergeTasks() = default;
  virtual ~MergeTasks() = default;
  MergeTasks(const MergeTasks&) = delete;
  MergeTasks& operator=(const MergeTasks&) = delete;
  MergeTasks(MergeTasks&&) = delete;
  MergeTasks& operator=(MergeTasks&&) = delete;

  [[nodiscard]] virtual std::size_t size() const = 0;
  // Names, shapes and parameters; no values.
  [[nodiscard]] virtual TensorMerge describe(std::size_t index) const = 0;
  // Calls use(task) with values, which may be gone afterwards.
  virtual void load(std::size_t index,
                    const std::function<void(const TensorMerge&)>& use) const = 0;
  // What `make` finds in all tensors; that of an earlier run of the same merge if it is there.
  [[nodiscard]] virtual Numbers recall(const std::string& /*what*/,
                                       const std::function<Numbers()>& make) const {
    return make();
  }
};

// Elements [first, first + size) of all inputs of a task.
struct InputBlock {
  std::size_t first = 0;
  std::size_t size = 0;
  std::span<const float> base;                 // [size]; empty without a base
  std::vector<std::span<const float>> models;  // [size] each; those of the task
  // Instead of both, if the merge takes bfloat16 and all inputs are stored so.
  bool is_bfloat16 = false;
  std::span<const Bfloat16> bfloat16_base;
  std::vector<std::span<const Bfloat16>> bfloat16_models;
  std::span<float> buffers;  // [BlockMerge::buffers * size], to work in
  // Throws Error if an input is NaN or infinite in this block and may not be. For those who were
  // not promised finite values: merges with BlockMerge::finds_non_finite.
  std::function<void()> require_finite;

  // Calls use(base, models) with those that are there: float32 or bfloat16.
  template <typename Use>
  void visit(const Use& use) const {
    is_bfloat16 ? use(bfloat16_base, bfloat16_models) : use(base, models);
  }
};

// How the elements of one tensor are computed, once all is known that concerns the tensor as a
// whole.
struct BlockMerge {
  // Blocks begin at multiples of it, and end at one or at the end of the tensor: 1, the length of a
  // row, or that of the tensor.
  std::size_t unit = 1;
  std::size_t buffers = 0;      // memory of the block's size that `merge` works in
  bool takes_bfloat16 = false;  // whether `merge` knows what to do with InputBlock::is_bfloat16
  // Whether it then sees to NaN and infinities itself: calls InputBlock::require_finite where it
  // meets them, or has seen all inputs when it was started. Otherwise blocks are looked at before.
  bool finds_non_finite = false;
  // Writes the elements of the block to out [size]. Runs on the calling thread; may be called from
  // several at once. The result of an element does not depend on how the tensor is cut into blocks.
  std::function<void(const InputBlock& inputs, std::span<float> out)> merge;
};

// Looks at a tensor as a whole, as far as the method has to (norms, cuts by magnitude), over the
// pool, and returns how its elements follow. The task must outlive what is returned.
using StartMerge = std::function<BlockMerge(const TensorMerge& task, ThreadPool& pool)>;

// What a tensor of a method takes beside a few blocks for each thread and the mapped inputs.
struct MergeMemory {
  std::uint64_t tensor_bytes = 0;  // at most, from its start until it is merged
  std::uint64_t thread_bytes = 0;  // of each thread that merges blocks of it
};

// The operations that a tensor takes, in products of matrices; or what lasts as long as so many.
struct MergeWork {
  double shared = 0;  // over all threads
  double alone = 0;   // on the thread that starts the tensor

  [[nodiscard]] double total() const noexcept { return shared + alone; }
};

enum class BaseRole : std::uint8_t {
  kOrdinary,  // a base_model is one more input, with parameters of its own
  kRequired,  // the point that deltas are taken from; never an input
  kOptional   // the same if the recipe has a base_model
};

struct MergeMethod {
  std::string name;
  std::string paper;    // citation
  std::string formula;  // one line for the documentation
  BaseRole base = BaseRole::kOrdinary;
  std::size_t min_models = 1;  // without the base if it is required
  std::size_t max_models = 1;
  std::vector<ParameterSpec> parameters;
  // Float32 arithmetic, norms and dot products in double. The result depends on nothing but the
  // task, neither on the threads nor on where the values are. Infinities and NaN go through.
  StartMerge start;
  // Complains about parameter values that cannot work together, e.g. weights that sum to 0;
  // nothing if all is well. Called at planning, without values.
  std::function<std::optional<std::string>(const TensorMerge& task)> complaint;

  // For methods that look at all tensors before they merge the first (trims over the whole model):
  // returns how one of `tasks` is started, or null if their parameters ask for nothing beyond
  // `start`. Works over the pool, with the same result for any number of threads. Absent: `start`
  // is that.
  std::function<StartMerge(const MergeTasks& tasks, ThreadPool& pool)> prepare = nullptr;

  // Of methods that decompose matrices: the memory for a task, of which only the shape and the
  // number of models count. Absent: little.
  std::function<MergeMemory(const TensorMerge& task)> memory = nullptr;
  // Likewise their work. Absent: so much for each element.
  std::function<MergeWork(const TensorMerge& task)> work = nullptr;

  // The parameter of that name, or nullptr.
  [[nodiscard]] const ParameterSpec* find_parameter(std::string_view parameter) const;
};

// All methods, by name.
const std::vector<MergeMethod>& merge_methods();

// The method of that name. Throws Error{kInvalidArgument} with the nearest name.
const MergeMethod& find_merge_method(std::string_view name, const std::string& where);

}  // namespace vlm
