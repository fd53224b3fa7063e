#include "merge/adapter_merge.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <utility>
#include <vector>

#include "checkpoint/disk_room.h"
#include "checkpoint/finite_weights.h"
#include "checkpoint/resumable_directory.h"
#include "core/atomic_directory.h"
#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/philox.h"
#include "merge/adapter_cost.h"
#include "merge/kernels/low_rank.h"
#include "merge/merge_to_disk.h"
#include "merge/merged_checkpoint.h"
#include "merge/tensor_parts.h"
#include "tensor/transposed.h"

namespace vlm {
namespace {

FileSizes files_of(const AdapterPlan& plan) {
  return {{kAdapterWeights, bytes_to_write(plan)}};
}

// One tensor of the result.
struct Merged {
  LowRankFactors product;          // of AdapterForm::kJoined and kCut, as a matrix
  SquaredNorms norms;              // of kCut
  std::pmr::vector<float> values;  // of kBias and kWhole
};

class AdapterMerger {
 public:
  AdapterMerger(const AdapterPlan& plan, const std::filesystem::path& target,
                const AdapterMergeOptions& options, ThreadPool& pool);

  AdapterReport merge();

 private:
  [[nodiscard]] ResumableDirectory open_directory() const;
  void merge_all(AdapterWriter& adapter, ResumableDirectory& directory);
  void merge_into(AdapterWriter& adapter, WriteJournal* journal, std::size_t index);
  [[nodiscard]] SquaredNorms write_one(AdapterWriter& adapter, std::size_t index) const;
  [[nodiscard]] bool is_written(const AdapterWriter& adapter, std::size_t index) const;
  [[nodiscard]] std::size_t add_to_outline(std::size_t index);
  [[nodiscard]] bool is_product(std::size_t index) const;
  [[nodiscard]] Merged merge_one(std::size_t index) const;
  [[nodiscard]] LowRankFactors join(std::size_t index) const;
  [[nodiscard]] Merged cut(std::size_t index) const;
  [[nodiscard]] std::pmr::vector<float> delta(std::size_t index) const;
  [[nodiscard]] std::pmr::vector<float> whole(std::size_t index) const;
  [[nodiscard]] const TensorInfo& info(std::size_t index) const { return deltas_.tensors()[index]; }

  const AdapterPlan& plan_;
  const std::filesystem::path& target_;
  const AdapterMergeOptions& options_;
  ThreadPool& pool_;
  std::shared_ptr<OverflowMemory> memory_;
  MergedCheckpoint deltas_;
  AdapterOutline outline_;
  // Parallel to plan_.targets.
  std::vector<std::size_t> numbers_;  // of the first tensor in outline_
  std::vector<SquaredNorms> norms_;
  std::size_t num_merged_ = 0;
};

AdapterMerger::AdapterMerger(const AdapterPlan& plan, const std::filesystem::path& target,
                             const AdapterMergeOptions& options, ThreadPool& pool)
    : plan_(plan),
      target_(target),
      options_(options),
      pool_(pool),
      memory_(memory_beside(target)),
      deltas_(plan.deltas,
              {.seed = options.seed, .cache = nullptr, .allow_nan = false, .memory = memory_}),
      outline_(plan.layout, plan.dtype),
      norms_(plan.targets.size()) {
  for (std::size_t i = 0; i < plan.targets.size(); ++i) numbers_.push_back(add_to_outline(i));
}

bool AdapterMerger::is_product(std::size_t index) const {
  const AdapterForm form = plan_.targets[index].form;
  return form == AdapterForm::kJoined || form == AdapterForm::kCut;
}

// Of an embedding [rows, width] A is [rank, rows] and B [width, rank].
std::size_t AdapterMerger::add_to_outline(std::size_t index) {
  const AdapterTarget& target = plan_.targets[index];
  const TensorInfo& tensor = info(index);
  if (target.form == AdapterForm::kBias) {
    return outline_.add_bias(tensor.name, element_count(tensor.shape).value_or(0));
  }
  if (target.form == AdapterForm::kWhole) return outline_.add_whole(tensor.name, tensor.shape);
  Shape a_shape = tensor.shape;
  if (target.is_of_embedding) std::reverse(a_shape.begin(), a_shape.end());
  Shape b_shape(a_shape.size(), 1);
  b_shape[0] = a_shape.front();
  b_shape[1] = target.rank;
  a_shape.front() = target.rank;
  return outline_.add_product(tensor.name, {a_shape, b_shape, target.is_of_embedding});
}

ResumableDirectory AdapterMerger::open_directory() const {
  Json identity = merge_identity(deltas_);
  identity["config"] = outline_.config_json(plan_.config);
  std::vector<FileState> sources = deltas_.weight_files();
  if (plan_.base != nullptr) {
    for (FileState& file : plan_.base->weight_files()) sources.push_back(std::move(file));
  }
  return {target_,         options_.resumption,  std::move(identity), std::move(sources),
          files_of(plan_), overflow_bytes(plan_)};
}

AdapterReport AdapterMerger::merge() {
  ResumableDirectory directory = open_directory();
  AdapterWriter adapter(directory.path(), outline_, directory.journal());
  try {
    merge_all(adapter, directory);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    directory.stop("stopped while merging adapters: " + std::to_string(num_merged_) + " of " +
                   std::to_string(numbers_.size()) + " tensors");
  }
  adapter.finish(plan_.config);
  write_file_atomically(directory.path() / "recipe.yaml",
                        recorded_recipe(plan_.deltas.recipe.text, options_.command_options));
  directory.commit();
  std::vector<AdapterLoss> losses;
  for (std::size_t i = 0; i < norms_.size(); ++i) {
    if (is_product(i)) losses.push_back({info(i).name, norms_[i]});
  }
  return report_losses(losses, outline_);
}

// Several tensors at a time each have a thread; one alone, which may be large, is read by all.
void AdapterMerger::merge_all(AdapterWriter& adapter, ResumableDirectory& directory) {
  const StoppableLoops stoppable(pool_, options_.stop_requested);
  directory.prepare(deltas_, pool_);
  for (std::size_t first = 0; first < numbers_.size(); first = num_merged_) {
    const std::size_t count =
        count_held_together(std::min(pool_.num_threads(), numbers_.size() - first),
                            [&](std::size_t i) { return working_bytes(plan_, first + i); });
    pool_.parallel_for(count,
                       [&](std::size_t i) { merge_into(adapter, directory.journal(), first + i); });
    num_merged_ = first + count;
    if (options_.on_progress) {
      options_.on_progress({.stage = "merge",
                            .done = num_merged_,
                            .total = numbers_.size(),
                            .detail = info(first).name});
    }
  }
}

// What an earlier run wrote is taken if its norms are known and its bytes are there.
void AdapterMerger::merge_into(AdapterWriter& adapter, WriteJournal* journal, std::size_t index) {
  bool is_made = false;
  const auto make = [&] {
    is_made = true;
    norms_[index] = write_one(adapter, index);
    return Numbers{std::bit_cast<std::uint64_t>(norms_[index].matrix),
                   std::bit_cast<std::uint64_t>(norms_[index].residual)};
  };
  if (journal == nullptr) return static_cast<void>(make());
  const Numbers numbers = journal->recall("norms/" + std::to_string(index), make);
  if (is_made) return;
  if (numbers.size() != 2 || !is_written(adapter, index)) return static_cast<void>(make());
  norms_[index] = {std::bit_cast<double>(numbers[0]), std::bit_cast<double>(numbers[1])};
}

bool AdapterMerger::is_written(const AdapterWriter& adapter, std::size_t index) const {
  const std::size_t number = numbers_[index];
  return adapter.is_written(number) && (!is_product(index) || adapter.is_written(number + 1));
}

// What is cut of an embedding is the transpose of the product that it gets.
SquaredNorms AdapterMerger::write_one(AdapterWriter& adapter, std::size_t index) const {
  const AdapterTarget& target = plan_.targets[index];
  Merged merged = merge_one(index);
  if (!is_product(index)) {
    adapter.write(numbers_[index], 0, merged.values);
    return {};
  }
  LowRankFactors& product = merged.product;
  check(product.rank == target.rank, "AdapterMerger: a product has the rank that is planned");
  if (target.is_of_embedding && target.form == AdapterForm::kCut) {
    std::vector<float> a = transposed(product.b, info(index).shape.front());
    product.b = transposed(product.a, product.rank);
    product.a = std::move(a);
  }
  adapter.write(numbers_[index], 0, product.a);
  adapter.write(numbers_[index] + 1, 0, product.b);
  return merged.norms;
}

Merged AdapterMerger::merge_one(std::size_t index) const {
  switch (plan_.targets[index].form) {
    case AdapterForm::kJoined:
      return {join(index), {}, {}};
    case AdapterForm::kCut:
      return cut(index);
    case AdapterForm::kWhole:
      return {{}, {}, whole(index)};
    case AdapterForm::kBias:
      break;
  }
  return {{}, {}, delta(index)};
}

// sum_i f_i s_i B_i A_i = [f_1 s_1 B_1, f_2 s_2 B_2, ...] [A_1; A_2; ...]
LowRankFactors AdapterMerger::join(std::size_t index) const {
  const AdapterTarget& target = plan_.targets[index];
  LowRankFactors joined{target.rank, {}, {}};
  std::size_t column = 0;
  for (std::size_t i = 0; i < plan_.adapters.size(); ++i) {
    if (target.factors[i] == 0) continue;
    for (const LoraUpdate& update : plan_.adapters[i]->updates()) {
      if (update.target != info(index).name) continue;
      const std::vector<float> a = floats_of(update.a);
      const std::vector<float> b = floats_of(update.b);
      for (const auto& [values, shape] : {std::pair(&a, &update.a.shape), {&b, &update.b.shape}}) {
        require_finite(*values, {update.disk_name, DType::kF32, *shape}, 0,
                       plan_.deltas.inputs[i].name, "");
      }
      const std::size_t rank = update.a.shape.front();
      const std::size_t rows = update.b.shape.front();
      joined.a.insert(joined.a.end(), a.begin(), a.end());
      joined.b.resize(rows * target.rank);
      const double factor = target.factors[i] * update.scale;
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t k = 0; k < rank; ++k) {
          joined.b[row * target.rank + column + k] =
              static_cast<float>(factor * double{b[row * rank + k]});
        }
      }
      column += rank;
    }
  }
  return joined;
}

std::pmr::vector<float> AdapterMerger::delta(std::size_t index) const {
  return read_whole(deltas_, info(index), *memory_, pool_);
}

Merged AdapterMerger::cut(std::size_t index) const {
  const std::pmr::vector<float> values = delta(index);
  const std::size_t rows = info(index).shape.front();
  const MatrixView<const float> matrix(std::span<const float>(values), rows, values.size() / rows);
  Merged merged;
  merged.product =
      factorize(matrix, plan_.targets[index].rank, philox_key(options_.seed, info(index).name));
  merged.norms = residual_of(matrix, merged.product);
  return merged;
}

std::pmr::vector<float> AdapterMerger::whole(std::size_t index) const {
  std::pmr::vector<float> values = delta(index);
  for_each_part(*plan_.base, *plan_.base->find(info(index).name),
                [&](std::size_t first, std::span<const float> before) {
                  for (std::size_t i = 0; i < before.size(); ++i) values[first + i] += before[i];
                });
  return values;
}

}  // namespace

void check_merge_adapters(const AdapterPlan& plan, const std::filesystem::path& target) {
  if (target.empty()) return;
  AtomicDirectory::check_can_be_made(target);
  check_room(target, files_of(plan), overflow_bytes(plan));
}

AdapterReport merge_adapters(const AdapterPlan& plan, const std::filesystem::path& target,
                             const AdapterMergeOptions& options, ThreadPool& pool) {
  return AdapterMerger(plan, target, options, pool).merge();
}

}  // namespace vlm
