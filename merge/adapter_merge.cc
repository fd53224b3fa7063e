#include "merge/adapter_merge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "checkpoint/finite_weights.h"
#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"
#include "core/philox.h"
#include "merge/kernels/low_rank.h"
#include "merge/merge_to_disk.h"
#include "merge/merged_checkpoint.h"
#include "tensor/transposed.h"

namespace vlm {
namespace {

// One tensor of the result.
struct Merged {
  LowRankFactors product;     // of AdapterForm::kJoined and kCut, as a matrix
  SquaredNorms norms;         // of kCut
  std::vector<float> values;  // of kBias and kWhole
};

class AdapterMerger {
 public:
  AdapterMerger(const AdapterPlan& plan, const AdapterMergeOptions& options)
      : plan_(plan),
        options_(options),
        deltas_(plan.deltas, {.seed = options.seed, .cache = nullptr, .allow_nan = false}) {}

  void merge(ThreadPool& pool);
  AdapterReport write(const std::filesystem::path& target) const;

 private:
  [[nodiscard]] Merged merge_one(std::size_t index) const;
  [[nodiscard]] LowRankFactors join(std::size_t index) const;
  [[nodiscard]] Merged cut(std::size_t index) const;
  [[nodiscard]] std::vector<float> delta(std::size_t index) const;
  [[nodiscard]] std::vector<float> whole(std::size_t index) const;
  void add_to(AdapterWriter& adapter, std::size_t index) const;
  void add_product(AdapterWriter& adapter, std::size_t index) const;
  [[nodiscard]] const TensorInfo& info(std::size_t index) const { return deltas_.tensors()[index]; }

  const AdapterPlan& plan_;
  const AdapterMergeOptions& options_;
  MergedCheckpoint deltas_;
  std::vector<Merged> merged_;  // parallel to plan_.targets
};

void AdapterMerger::merge(ThreadPool& pool) {
  merged_.resize(plan_.targets.size());
  const std::size_t batch = pool.num_threads();
  for (std::size_t first = 0; first < merged_.size(); first += batch) {
    const std::size_t count = std::min(batch, merged_.size() - first);
    pool.parallel_for(count, [&](std::size_t i) { merged_[first + i] = merge_one(first + i); });
    if (options_.on_progress) {
      options_.on_progress({.stage = "merge",
                            .done = first + count,
                            .total = merged_.size(),
                            .detail = info(first).name});
    }
    if (options_.stop_requested && options_.stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "stopped while merging adapters; nothing is kept");
    }
  }
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
        require_finite(*values, {update.disk_name, DType::kF32, *shape},
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

std::vector<float> AdapterMerger::delta(std::size_t index) const {
  std::vector<float> values(element_count(info(index).shape).value_or(0));
  deltas_.read(info(index), values);
  return values;
}

Merged AdapterMerger::cut(std::size_t index) const {
  const std::vector<float> values = delta(index);
  const std::size_t rows = info(index).shape.front();
  const MatrixView<const float> matrix(std::span<const float>(values), rows, values.size() / rows);
  Merged merged;
  merged.product =
      factorize(matrix, plan_.targets[index].rank, philox_key(options_.seed, info(index).name));
  merged.norms = residual_of(matrix, merged.product);
  return merged;
}

std::vector<float> AdapterMerger::whole(std::size_t index) const {
  std::vector<float> values = delta(index);
  std::vector<float> before(values.size());
  plan_.base->read(*plan_.base->find(info(index).name), before);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += before[i];
  return values;
}

// Of an embedding [rows, width] A is [rank, rows] and B [width, rank]; what is cut is its
// transpose.
void AdapterMerger::add_product(AdapterWriter& adapter, std::size_t index) const {
  const AdapterTarget& target = plan_.targets[index];
  LowRankFactors product = merged_[index].product;
  Shape a_shape = info(index).shape;
  if (target.is_of_embedding) {
    if (target.form == AdapterForm::kCut) {
      std::vector<float> a = transposed(product.b, a_shape.front());
      product.b = transposed(product.a, product.rank);
      product.a = std::move(a);
    }
    std::reverse(a_shape.begin(), a_shape.end());
  }
  Shape b_shape(a_shape.size(), 1);
  b_shape[0] = a_shape.front();
  b_shape[1] = product.rank;
  a_shape.front() = product.rank;
  adapter.add_product(info(index).name,
                      {.a_shape = a_shape,
                       .b_shape = b_shape,
                       .a = product.a,
                       .b = product.b,
                       .is_of_embedding = target.is_of_embedding},
                      merged_[index].norms);
}

void AdapterMerger::add_to(AdapterWriter& adapter, std::size_t index) const {
  const TensorInfo& tensor = info(index);
  const std::vector<float>& values = merged_[index].values;
  switch (plan_.targets[index].form) {
    case AdapterForm::kJoined:
    case AdapterForm::kCut:
      add_product(adapter, index);
      break;
    case AdapterForm::kBias:
      adapter.add_bias(tensor.name, values);
      break;
    case AdapterForm::kWhole:
      adapter.add_whole(tensor.name, tensor.shape, values);
      break;
  }
}

AdapterReport AdapterMerger::write(const std::filesystem::path& target) const {
  AdapterWriter adapter(plan_.layout, plan_.dtype);
  for (std::size_t i = 0; i < merged_.size(); ++i) add_to(adapter, i);
  AtomicDirectory directory(target);
  adapter.write(directory.path(), plan_.config);
  write_file_atomically(directory.path() / "recipe.yaml",
                        recorded_recipe(plan_.deltas.recipe.text, options_.command_options));
  directory.commit();
  return adapter.report();
}

}  // namespace

AdapterReport merge_adapters(const AdapterPlan& plan, const std::filesystem::path& target,
                             const AdapterMergeOptions& options, ThreadPool& pool) {
  AdapterMerger merger(plan, options);
  merger.merge(pool);
  return merger.write(target);
}

}  // namespace vlm
