#pragma once

// Merge methods: what a method is called, which parameters it takes, and the function that merges
// one tensor. A new method is one file in merge/methods/ and one row in merge/method.cc.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  std::size_t model = 0;          // position among the recipe's inputs; keys random masks
  std::span<const float> values;  // [n]
  ParameterValues parameters;
  RememberWords remember;  // empty: nothing is remembered
};

// One output tensor to compute.
struct TensorMerge {
  std::string_view name;             // of the output, canonical; keys random masks
  Shape shape;                       // product n
  std::uint64_t seed = 0;            // of random masks
  std::span<const float> base;       // [n]; empty without a base
  std::vector<ModelTensor> models;   // recipe order; the base is among them only if it is an input
                                     // like the others (BaseRole::kOrdinary)
  ParameterValues parameters;        // global
  std::optional<std::size_t> layer;  // of the result; absent: embeddings, final norm, head
  std::size_t num_layers = 0;        // of the result
  bool imitates_mergekit = false;    // repeat its documented mistakes (Recipe::imitates_mergekit)
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
  // Calls use(task) with values, which are gone afterwards.
  virtual void load(std::size_t index,
                    const std::function<void(const TensorMerge&)>& use) const = 0;
};

using MergeTensor = std::function<void(const TensorMerge& task, std::span<float> out)>;

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
  // Writes the merged tensor to out [n]. Float32 arithmetic, norms and dot products in double. Runs
  // on the calling thread; the result depends on nothing but the task. Infinities and NaN go
  // through.
  MergeTensor merge;
  // Complains about parameter values that cannot work together, e.g. weights that sum to 0;
  // nothing if all is well. Called at planning, without values.
  std::function<std::optional<std::string>(const TensorMerge& task)> complaint;

  // For methods that look at all tensors before they merge the first (trims over the whole model):
  // returns the function that merges one of `tasks`, or null if their parameters ask for nothing
  // beyond `merge`. Absent: `merge` is that function.
  std::function<MergeTensor(const MergeTasks& tasks)> prepare = nullptr;

  // The parameter of that name, or nullptr.
  [[nodiscard]] const ParameterSpec* find_parameter(std::string_view parameter) const;
};

// All methods, by name.
const std::vector<MergeMethod>& merge_methods();

// The method of that name. Throws Error{kInvalidArgument} with the nearest name.
const MergeMethod& find_merge_method(std::string_view name, const std::string& where);

}  // namespace vlm
