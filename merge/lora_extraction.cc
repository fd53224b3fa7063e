#include "merge/lora_extraction.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "checkpoint/finite_weights.h"
#include "checkpoint/layout.h"
#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/philox.h"
#include "merge/adapter_writer.h"
#include "merge/input_checks.h"
#include "merge/kernels/low_rank.h"

namespace vlm {
namespace {

// Matrices of layers and projector; the head is a matrix too, but is saved whole with the
// embedding.
bool is_adapted(const TensorInfo& info) {
  const bool is_linear =
      info.name.find(".layers.") != std::string::npos || info.name.starts_with("projector/linear_");
  return is_linear && info.shape.size() == 2 && info.name.ends_with(".weight");
}

// What of a tensor goes into the adapter.
struct Difference {
  const TensorInfo* base = nullptr;
  const TensorInfo* model = nullptr;
  bool differs = false;
  LowRankFactors factors;     // of an adapted matrix
  SquaredNorms norms;         // likewise
  std::vector<float> values;  // of the model, or the difference of a bias
};

// How PEFT finds the modules.
Layout module_layout(const Checkpoint& base) {
  if (base.config().is_original_llava()) return base.layout();
  return Layout(base.config().is_vlm() ? LayoutKind::kLlavaInMemoryV5 : LayoutKind::kPlainText);
}

class Extractor {
 public:
  Extractor(const Checkpoint& base, const Checkpoint& model, const LoraExtractionOptions& options)
      : base_(base), model_(model), options_(options), layout_(module_layout(base)) {}

  void extract(ThreadPool& pool);
  [[nodiscard]] AdapterReport write(const std::filesystem::path& target) const;

 private:
  void pair_tensors();
  void extract_one(Difference& difference) const;
  [[nodiscard]] bool is_bias_of_adapted(const Difference& difference) const;
  std::size_t add_to(AdapterOutline& adapter, const Difference& difference) const;

  const Checkpoint& base_;
  const Checkpoint& model_;
  const LoraExtractionOptions& options_;
  Layout layout_;
  std::vector<Difference> differences_;
  std::set<std::string> adapted_;  // canonical names of modules
};

void Extractor::pair_tensors() {
  for (const TensorInfo& info : base_.tensors()) {
    const TensorInfo* const other = model_.find(info.name);
    if (other == nullptr || other->shape != info.shape) {
      throw Error(ErrorCode::kInvalidArgument,
                  "models differ in more than their weights: " + info.name + ": " +
                      to_string(info.shape) + " in the base, " +
                      (other == nullptr ? "none" : to_string(other->shape)) + " in the model");
    }
    differences_.push_back({.base = &info,
                            .model = other,
                            .differs = false,
                            .factors = {},
                            .norms = {},
                            .values = {}});
    if (is_adapted(info)) adapted_.insert(module_of(info.name));
  }
  for (const TensorInfo& info : model_.tensors()) {
    if (base_.find(info.name) != nullptr) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "models differ in more than their weights: " + info.name + ": none in the base");
  }
}

bool Extractor::is_bias_of_adapted(const Difference& difference) const {
  return difference.base->name.ends_with(".bias") &&
         adapted_.contains(module_of(difference.base->name));
}

void Extractor::extract_one(Difference& difference) const {
  const TensorInfo& info = *difference.base;
  std::vector<float> before(element_count(info.shape).value_or(0));
  std::vector<float> after(before.size());
  base_.read(info, before);
  model_.read(*difference.model, after);
  require_finite(before, info, base_.directory().string(), "");
  require_finite(after, info, model_.directory().string(), "");
  difference.differs = before != after;
  if (!difference.differs) return;
  const bool is_matrix = is_adapted(info);
  if (!is_matrix && !is_bias_of_adapted(difference)) {
    difference.values = std::move(after);
    return;
  }
  for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
  if (!is_matrix) {
    difference.values = std::move(after);
    return;
  }
  const MatrixView<const float> delta(std::span<const float>(after), info.shape[0], info.shape[1]);
  difference.factors = factorize(delta, options_.rank, philox_key(options_.seed, info.name));
  difference.norms = residual_of(delta, difference.factors);
}

void Extractor::extract(ThreadPool& pool) {
  pair_tensors();
  const std::size_t batch = pool.num_threads();
  for (std::size_t first = 0; first < differences_.size(); first += batch) {
    const std::size_t count = std::min(batch, differences_.size() - first);
    pool.parallel_for(count, [&](std::size_t i) { extract_one(differences_[first + i]); });
    if (options_.on_progress) {
      options_.on_progress({.stage = "extract",
                            .done = first + count,
                            .total = differences_.size(),
                            .detail = differences_[first].base->name});
    }
    if (options_.stop_requested && options_.stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "stopped while extracting; nothing is kept");
    }
  }
  if (std::none_of(differences_.begin(), differences_.end(),
                   [](const Difference& difference) { return difference.differs; })) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "models are equal: an adapter would change no tensor: " + model_.directory().string());
  }
}

std::size_t Extractor::add_to(AdapterOutline& adapter, const Difference& difference) const {
  const TensorInfo& info = *difference.base;
  if (is_adapted(info)) {
    const std::size_t rank = difference.factors.rank;
    return adapter.add_product(info.name, {.a_shape = {rank, info.shape[1]},
                                           .b_shape = {info.shape[0], rank},
                                           .is_of_embedding = false});
  }
  if (is_bias_of_adapted(difference)) return adapter.add_bias(info.name, info.shape.front());
  return adapter.add_whole(info.name, info.shape);
}

AdapterReport Extractor::write(const std::filesystem::path& target) const {
  AdapterOutline outline(layout_, DType::kF32);
  std::vector<std::pair<std::size_t, const Difference*>> numbered;
  for (const Difference& difference : differences_) {
    if (difference.differs) numbered.emplace_back(add_to(outline, difference), &difference);
  }
  AtomicDirectory directory(target);
  AdapterWriter adapter(directory.path(), outline);
  std::vector<AdapterLoss> losses;
  for (const auto& [number, difference] : numbered) {
    if (!is_adapted(*difference->base)) {
      adapter.write(number, difference->values);
      continue;
    }
    adapter.write(number, difference->factors.a);
    adapter.write(number + 1, difference->factors.b);
    losses.push_back({difference->base->name, difference->norms});
  }
  adapter.finish({.base_name = options_.base_name,
                  .task_type = base_.config().is_vlm() ? "" : "CAUSAL_LM",
                  .rank = options_.rank});
  directory.commit();
  return report_losses(losses, outline);
}

}  // namespace

AdapterReport extract_lora(const Checkpoint& base, const Checkpoint& model,
                           const std::filesystem::path& target,
                           const LoraExtractionOptions& options, ThreadPool& pool) {
  for (const Checkpoint* const one : {&base, &model}) {
    refuse_layer_path(one->directory().string(), *one);
  }
  Extractor extractor(base, model, options);
  extractor.extract(pool);
  return extractor.write(target);
}

}  // namespace vlm
