#include "merge/merged_checkpoint.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "merge/kernels/elementwise.h"
#include "merge/source_reader.h"

namespace vlm {
namespace {

std::size_t count_elements(const TensorInfo& info) {
  const std::optional<std::size_t> count = element_count(info.shape);
  check(count.has_value(), "MergedCheckpoint: the element count of an opened tensor fits");
  return *count;
}

// Elements of the rows that are merged.
std::size_t merged_elements(const TensorPlan& tensor) {
  const std::size_t all = count_elements(tensor.output);
  const bool is_whole = tensor.output.shape.empty() || tensor.output.shape.front() == 0;
  return is_whole ? all : all / tensor.output.shape.front() * tensor.merged_rows;
}

// Everything that remembered words may depend on: tensors are told apart by their address, which
// stays the same while their checkpoint is open.
std::string cache_key(std::string_view what, const TensorPlan& tensor, const PlannedSource& source,
                      std::uint64_t seed, std::size_t count) {
  std::ostringstream key;
  key << what << ' ' << tensor.output.name << ' ' << seed << ' ' << source.input << ' ' << count
      << ' ' << static_cast<const void*>(source.info) << ' '
      << static_cast<const void*>(tensor.base ? tensor.base->info : nullptr);
  return key.str();
}

}  // namespace

MergedCheckpoint::MergedCheckpoint(MergePlan plan, MergeOptions options)
    : plan_(std::move(plan)), options_(std::move(options)) {
  tensors_.reserve(plan_.tensors.size());
  for (const TensorPlan& tensor : plan_.tensors) tensors_.push_back(tensor.output);
  if (options_.cache == nullptr) return;
  for (const PlanInput& input : plan_.inputs) options_.cache->keep_open(input.checkpoint);
}

const std::filesystem::path& MergedCheckpoint::directory() const {
  const std::filesystem::path& donor = plan_.inputs[plan_.donor].checkpoint->directory();
  if (plan_.side_files.empty()) return donor;
  std::call_once(changed_, [&] {
    changed_side_files_ = std::make_unique<const ChangedSideFiles>(donor, plan_.side_files);
  });
  return changed_side_files_->path();
}

Layout MergedCheckpoint::layout() const {
  return plan_.inputs[plan_.donor].checkpoint->layout();
}

std::vector<FileState> MergedCheckpoint::weight_files() const {
  std::vector<FileState> files;
  for (const PlanInput& input : plan_.inputs) {
    for (FileState& file : input.checkpoint->weight_files()) files.push_back(std::move(file));
  }
  return files;
}

bool MergedCheckpoint::is_copy(const TensorInfo& info) const {
  return plan_of(info).is_copy;
}

const TensorPlan& MergedCheckpoint::plan_of(const TensorInfo& info) const {
  const auto index = static_cast<std::size_t>(&info - tensors_.data());
  check(index < tensors_.size(), "MergedCheckpoint: info is from tensors()");
  return plan_.tensors[index];
}

void MergedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  const TensorPlan& tensor = plan_of(info);
  check(out.size() == count_elements(info), "MergedCheckpoint::read: out holds all elements");
  if (tensor.is_copy) {
    read_source_values(tensor.sources.front(), out);
  } else {
    merge(tensor, out);
  }
  round_to_dtype(out, tensor.output.dtype);
}

void MergedCheckpoint::read_source_values(const PlannedSource& source, std::span<float> out) const {
  const SourceRules rules{plan_.recipe.dtype, options_.allow_nan};
  read_source(plan_.inputs[source.input], *source.info, rules, 0, out);
}

std::shared_ptr<const FloatTensor> MergedCheckpoint::load(const PlannedSource& source) const {
  const auto read_values = [&] {
    FloatTensor values(count_elements(*source.info));
    read_source_values(source, values);
    return values;
  };
  if (options_.cache == nullptr) return std::make_shared<const FloatTensor>(read_values());
  return options_.cache->values(*source.info, plan_.recipe.dtype, read_values);
}

// A task without values.
TensorMerge MergedCheckpoint::describe(const TensorPlan& tensor) const {
  TensorMerge task;
  task.name = tensor.output.name;
  task.shape = tensor.output.shape;
  if (!task.shape.empty()) task.shape.front() = tensor.merged_rows;
  task.seed = options_.seed;
  task.parameters = tensor.parameters;
  task.layer = tensor.layer;
  task.num_layers = plan_.num_layers;
  task.imitates_mergekit = plan_.recipe.imitates_mergekit;
  for (const PlannedSource& source : tensor.sources) {
    task.models.push_back({source.input, {}, source.parameters, nullptr});
  }
  return task;
}

// The task with the values of its inputs, which `loaded` keeps.
TensorMerge MergedCheckpoint::make_task(const TensorPlan& tensor, LoadedTensors& loaded) const {
  const std::size_t merged = merged_elements(tensor);
  const auto load_merged_rows = [&](const PlannedSource& source) {
    loaded.push_back(load(source));
    return std::span<const float>(*loaded.back()).first(merged);
  };
  TensorMerge task = describe(tensor);
  if (tensor.base) task.base = load_merged_rows(*tensor.base);
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) {
    const PlannedSource& source = tensor.sources[i];
    task.models[i].values = load_merged_rows(source);
    if (options_.cache == nullptr) continue;
    task.models[i].remember = [this, &tensor, &source](std::string_view what, std::size_t count,
                                                       const std::function<Words()>& make) {
      return options_.cache->words(cache_key(what, tensor, source, options_.seed, count), count,
                                   make);
    };
  }
  return task;
}

class MergedCheckpoint::Tasks final : public MergeTasks {
 public:
  explicit Tasks(const MergedCheckpoint& checkpoint) : checkpoint_(checkpoint) {
    for (const TensorPlan& tensor : checkpoint.plan_.tensors) {
      if (!tensor.is_copy) tensors_.push_back(&tensor);
    }
  }

  [[nodiscard]] std::size_t size() const override { return tensors_.size(); }
  [[nodiscard]] TensorMerge describe(std::size_t index) const override {
    return checkpoint_.describe(*tensors_[index]);
  }
  void load(std::size_t index, const std::function<void(const TensorMerge&)>& use) const override {
    LoadedTensors loaded;
    use(checkpoint_.make_task(*tensors_[index], loaded));
  }

 private:
  const MergedCheckpoint& checkpoint_;
  std::vector<const TensorPlan*> tensors_;
};

const MergeTensor& MergedCheckpoint::merge_tensor() const {
  std::call_once(prepared_, [this] {
    if (plan_.method->prepare) merge_tensor_ = plan_.method->prepare(Tasks(*this));
    if (!merge_tensor_) merge_tensor_ = plan_.method->merge;
  });
  return merge_tensor_;
}

void MergedCheckpoint::merge(const TensorPlan& tensor, std::span<float> out) const {
  const std::size_t merged = merged_elements(tensor);
  LoadedTensors loaded;
  merge_tensor()(make_task(tensor, loaded), out.first(merged));
  if (!tensor.further_rows) return;
  const auto donated = load(*tensor.further_rows);
  std::copy(donated->begin() + static_cast<std::ptrdiff_t>(merged), donated->end(),
            out.begin() + static_cast<std::ptrdiff_t>(merged));
}

}  // namespace vlm
