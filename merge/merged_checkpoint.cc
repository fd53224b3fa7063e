#include "merge/merged_checkpoint.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "checkpoint/finite_weights.h"
#include "core/check.h"
#include "core/checksum.h"
#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/kernels/finite.h"
#include "merge/merge_origin.h"
#include "merge/plan_cost.h"
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

FloatTensor read_whole(const SourceReader& reader, const TensorInfo& info) {
  FloatTensor values(count_elements(info));
  reader.read(0, values);
  return values;
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

void MergedCheckpoint::read_ahead(const TensorInfo& info) const {
  read_ahead_of(plan_of(info));
}

void MergedCheckpoint::read_ahead_of(const TensorPlan& tensor) const {
  for_each_source(tensor, [&](const PlannedSource& source) {
    plan_.inputs[source.input].checkpoint->read_ahead(*source.info);
  });
}

void MergedCheckpoint::prepare_all(const RecallNumbers& recall, ThreadPool& pool) const {
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    const auto recall_of_input = [&](const std::string& what, const auto& make) {
      return recall(std::to_string(i) + "/" + what, make);
    };
    plan_.inputs[i].checkpoint->prepare_all(recall_of_input, pool);
  }
  if (plan_.method != nullptr) static_cast<void>(start_merge(pool, recall));
}

std::uint64_t MergedCheckpoint::working_bytes(const TensorInfo& info) const {
  return open_tensor_bytes(plan_, plan_of(info));
}

std::vector<FileState> MergedCheckpoint::weight_files() const {
  std::vector<FileState> files;
  for (const PlanInput& input : plan_.inputs) {
    for (FileState& file : input.checkpoint->weight_files()) files.push_back(std::move(file));
  }
  return files;
}

std::string MergedCheckpoint::origin(const TensorInfo& info) const {
  return merge_origin(plan_, plan_of(info), options_.seed);
}

std::uint64_t MergedCheckpoint::row_alignment() const {
  std::vector<std::uint64_t> sums;
  for (const PlanInput& input : plan_.inputs) sums.push_back(input.checkpoint->row_alignment());
  const bool is_aligned = std::ranges::any_of(sums, [](std::uint64_t sum) { return sum != 0; });
  return is_aligned ? checksum(std::as_bytes(std::span(sums))) : 0;
}

bool MergedCheckpoint::is_copy(const TensorInfo& info) const {
  return plan_of(info).is_copy;
}

const TensorPlan& MergedCheckpoint::plan_of(const TensorInfo& info) const {
  const auto index = static_cast<std::size_t>(&info - tensors_.data());
  check(index < tensors_.size(), "MergedCheckpoint: info is from tensors()");
  return plan_.tensors[index];
}

// A tensor that is a plain copy, or whose merge was started.
class MergedCheckpoint::Tensor {
 public:
  Tensor(const MergedCheckpoint& checkpoint, const TensorPlan& plan, ThreadPool& pool)
      : plan_(plan),
        allow_nan_(checkpoint.options_.allow_nan),
        merged_elements_(merged_elements(plan)) {
    if (plan.is_copy) {
      merged_elements_ = 0;
      donated_ = checkpoint.values_of(plan.sources.front(), count_elements(plan.output), pool);
      return;
    }
    task_ = checkpoint.make_task(plan, pool);
    merge_.emplace(checkpoint.start_merge(pool), task_, pool);
    if (plan.further_rows) {
      donated_ = checkpoint.values_of(*plan.further_rows, count_elements(plan.output), pool);
    }
  }

  [[nodiscard]] std::size_t unit() const noexcept { return merge_ ? merge_->unit() : 1; }
  [[nodiscard]] DType dtype() const noexcept { return plan_.output.dtype; }

  void read(std::size_t first, std::span<float> out) const {
    compute(first, out);
    round_to_dtype(out, plan_.output.dtype);
  }

  // As the output's dtype, which must hold the values.
  void read_stored(std::size_t first, std::span<float> scratch, std::span<std::byte> out) const {
    compute(first, scratch);
    store_floats(scratch, plan_.output.dtype, out);
    if (!allow_nan_) require_fit_of(first, scratch, out);
  }

 private:
  // Merged rows first, then those that are copied.
  void compute(std::size_t first, std::span<float> out) const {
    const std::size_t end = std::clamp(merged_elements_, first, first + out.size());
    const std::span<float> copied = out.subspan(end - first);
    if (end > first) merge_->read(first, out.first(end - first));
    if (!copied.empty()) {
      const std::span<const float> values = donated_.read(end, copied.size(), copied);
      if (values.data() != copied.data()) std::ranges::copy(values, copied.begin());
    }
  }

  // Of the output's dtype: of elements from `first` on, `values`, which are `stored`.
  void require_fit_of(std::size_t first, std::span<float> values,
                      std::span<const std::byte> stored) const {
    if (dtype() == DType::kBF16) {
      const auto* const halves = reinterpret_cast<const Bfloat16*>(stored.data());
      if (!has_non_finite({halves, values.size()})) return;
    }
    round_to_dtype(values, dtype());
    if (!find_non_finite(values)) return;
    require_fit(values, plan_.output, first, " (merge --allow-nan writes it)");
  }

  const TensorPlan& plan_;
  bool allow_nan_;
  std::size_t merged_elements_;
  TensorMerge task_;
  std::optional<StartedMerge> merge_;  // of task_; absent for a copy
  TensorValues donated_;               // the whole tensor of which rows are copied
};

class MergedCheckpoint::Reader final : public TensorReader {
 public:
  // Tensors are started one after the other, each over the pool; those that are decomposed, where
  // one thread does most of it, at the same time.
  Reader(const MergedCheckpoint& checkpoint, std::span<const TensorInfo* const> tensors,
         ThreadPool& pool)
      : tensors_(tensors.size()) {
    const auto start = [&](std::size_t i) {
      tensors_[i] =
          std::make_unique<const Tensor>(checkpoint, checkpoint.plan_of(*tensors[i]), pool);
    };
    const auto is_decomposed = [&](const TensorInfo* info) {
      return checkpoint.working_bytes(*info) > 0;
    };
    if (std::ranges::any_of(tensors, is_decomposed)) {
      pool.parallel_for(tensors.size(), start);
    } else {
      for (std::size_t i = 0; i < tensors.size(); ++i) start(i);
    }
  }

  [[nodiscard]] std::size_t part_size(std::size_t index) const override {
    return tensors_[index]->unit();
  }
  [[nodiscard]] std::optional<DType> exact_dtype(std::size_t index) const override {
    return tensors_[index]->dtype();
  }
  void read(std::size_t index, std::size_t first, std::span<float> out) const override {
    tensors_[index]->read(first, out);
  }
  void read_stored(std::size_t index, std::size_t first, DType /*dtype*/, std::span<float> scratch,
                   std::span<std::byte> out) const override {
    tensors_[index]->read_stored(first, scratch, out);
  }

 private:
  std::vector<std::unique_ptr<const Tensor>> tensors_;
};

std::unique_ptr<TensorReader> MergedCheckpoint::open_tensors(
    std::span<const TensorInfo* const> tensors, ThreadPool& pool) const {
  return std::make_unique<Reader>(*this, tensors, pool);
}

void MergedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  check(out.size() == count_elements(info), "MergedCheckpoint::read: out holds all elements");
  ThreadPool alone(1);
  Tensor(*this, plan_of(info), alone).read(0, out);
}

TensorValues MergedCheckpoint::values_of(const PlannedSource& source, std::size_t size,
                                         ThreadPool& pool) const {
  const SourceRules rules{plan_.recipe.dtype, options_.allow_nan};
  const PlanInput& input = plan_.inputs[source.input];
  if (options_.cache != nullptr) {
    const auto read_all = [&] {
      return read_whole(SourceReader(input, *source.info, rules, pool), *source.info);
    };
    return {options_.cache->values(*source.info, plan_.recipe.dtype, read_all), size};
  }
  const auto reader = std::make_shared<const SourceReader>(input, *source.info, rules, pool);
  const auto read = [reader](std::size_t first, std::span<float> out) { reader->read(first, out); };
  if (!reader->is_bfloat16()) return {read, size};
  TensorValues::Bfloat16Values stored{
      .read = [reader](std::size_t first,
                       std::size_t count) { return reader->read_bfloat16(first, count); },
      .require_finite = [reader](std::size_t first,
                                 std::size_t count) { reader->require_finite(first, count); }};
  return {read, std::move(stored), size};
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
  task.num_layers = tensor.num_layers;
  task.imitates_mergekit = plan_.recipe.imitates_mergekit;
  if (options_.memory != nullptr) task.memory = options_.memory.get();
  for (const PlannedSource& source : tensor.sources) {
    task.models.push_back({.model = source.input,
                           .values = {},
                           .parameters = source.parameters,
                           .remember = nullptr,
                           .changes_nothing = source.changes_nothing});
  }
  return task;
}

// The task with the values of its inputs.
TensorMerge MergedCheckpoint::make_task(const TensorPlan& tensor, ThreadPool& pool) const {
  const std::size_t merged = merged_elements(tensor);
  TensorMerge task = describe(tensor);
  if (tensor.base) task.base = values_of(*tensor.base, merged, pool);
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) {
    const PlannedSource& source = tensor.sources[i];
    task.models[i].values = values_of(source, merged, pool);
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
  // `recall` may be empty.
  Tasks(const MergedCheckpoint& checkpoint, const RecallNumbers& recall, ThreadPool& pool)
      : checkpoint_(checkpoint), recall_(recall), pool_(pool) {
    for (const TensorPlan& tensor : checkpoint.plan_.tensors) {
      if (!tensor.is_copy) tensors_.push_back(&tensor);
    }
  }

  [[nodiscard]] std::size_t size() const override { return tensors_.size(); }
  [[nodiscard]] TensorMerge describe(std::size_t index) const override {
    return checkpoint_.describe(*tensors_[index]);
  }
  void load(std::size_t index, const std::function<void(const TensorMerge&)>& use) const override {
    if (index + 1 < tensors_.size()) checkpoint_.read_ahead_of(*tensors_[index + 1]);
    use(checkpoint_.make_task(*tensors_[index], pool_));
  }
  [[nodiscard]] Numbers recall(const std::string& what,
                               const std::function<Numbers()>& make) const override {
    return recall_ ? recall_(what, make) : make();
  }

 private:
  const MergedCheckpoint& checkpoint_;
  const RecallNumbers& recall_;
  ThreadPool& pool_;
  std::vector<const TensorPlan*> tensors_;
};

const StartMerge& MergedCheckpoint::start_merge(ThreadPool& pool,
                                                const RecallNumbers& recall) const {
  std::call_once(prepared_, [&] {
    if (plan_.method->prepare) {
      start_merge_ = plan_.method->prepare(Tasks(*this, recall, pool), pool);
    }
    if (!start_merge_) start_merge_ = plan_.method->start;
  });
  return start_merge_;
}

}  // namespace vlm
