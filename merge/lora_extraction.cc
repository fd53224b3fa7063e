#include "merge/lora_extraction.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <memory_resource>
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
#include "merge/merge_to_disk.h"
#include "merge/part_reader.h"
#include "merge/tensor_parts.h"

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
  LowRankFactors factors;   // of an adapted matrix
  SquaredNorms norms;       // likewise
  std::vector<float> bias;  // the difference of one
};

// How PEFT finds the modules.
Layout module_layout(const Checkpoint& base) {
  if (base.config().is_original_llava()) return base.layout();
  return Layout(base.config().is_vlm() ? LayoutKind::kLlavaInMemoryV5 : LayoutKind::kPlainText);
}

class Extractor {
 public:
  Extractor(const Checkpoint& base, const Checkpoint& model, const std::filesystem::path& target,
            const LoraExtractionOptions& options)
      : base_(base),
        model_(model),
        options_(options),
        memory_(memory_beside(target)),
        layout_(module_layout(base)) {}

  void extract(ThreadPool& pool);
  [[nodiscard]] AdapterReport write(const std::filesystem::path& directory) const;

 private:
  void pair_tensors();
  [[nodiscard]] std::uint64_t held_bytes(const Difference& difference) const;
  void extract_one(Difference& difference) const;
  [[nodiscard]] std::pmr::vector<float> subtract(Difference& difference) const;
  [[nodiscard]] bool is_bias_of_adapted(const Difference& difference) const;
  std::size_t add_to(AdapterOutline& adapter, const Difference& difference) const;

  const Checkpoint& base_;
  const Checkpoint& model_;
  const LoraExtractionOptions& options_;
  std::shared_ptr<OverflowMemory> memory_;
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
    differences_.push_back(
        {.base = &info, .model = other, .differs = false, .factors = {}, .norms = {}, .bias = {}});
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

std::uint64_t Extractor::held_bytes(const Difference& difference) const {
  const TensorInfo& info = *difference.base;
  const std::uint64_t of_inputs =
      base_.working_bytes(info) + model_.working_bytes(*difference.model);
  return of_inputs + (is_adapted(info) ? element_count(info.shape).value_or(0) * sizeof(float) : 0);
}

// Of matrices and biases; of what is saved whole only whether it differs.
std::pmr::vector<float> Extractor::subtract(Difference& difference) const {
  const TensorInfo& info = *difference.base;
  const bool is_held = is_adapted(info) || is_bias_of_adapted(difference);
  std::pmr::vector<float> delta(memory_.get());
  ThreadPool alone(1);
  const PartReader model(model_, *difference.model, alone);
  std::vector<float> after;
  for_each_part(base_, info, [&](std::size_t first, std::span<const float> before) {
    after.resize(before.size());
    model.read(first, after);
    require_finite(before, info, first, base_.directory().string(), "");
    require_finite(after, info, first, model_.directory().string(), "");
    difference.differs = difference.differs || !std::ranges::equal(before, after);
    if (!is_held || !difference.differs) return;
    delta.resize(element_count(info.shape).value_or(0));  // zeros of parts before
    for (std::size_t i = 0; i < after.size(); ++i) delta[first + i] = after[i] - before[i];
  });
  return delta;
}

void Extractor::extract_one(Difference& difference) const {
  const TensorInfo& info = *difference.base;
  const std::pmr::vector<float> delta = subtract(difference);
  if (!difference.differs) return;
  if (!is_adapted(info)) {
    difference.bias.assign(delta.begin(), delta.end());
    return;
  }
  const MatrixView<const float> matrix(std::span<const float>(delta), info.shape[0], info.shape[1]);
  difference.factors = factorize(matrix, options_.rank, philox_key(options_.seed, info.name));
  difference.norms = residual_of(matrix, difference.factors);
}

void Extractor::extract(ThreadPool& pool) {
  pair_tensors();
  std::size_t count = 0;
  for (std::size_t first = 0; first < differences_.size(); first += count) {
    count = count_held_together(std::min(pool.num_threads(), differences_.size() - first),
                                [&](std::size_t i) { return held_bytes(differences_[first + i]); });
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

AdapterReport Extractor::write(const std::filesystem::path& directory) const {
  AdapterOutline outline(layout_, DType::kF32);
  std::vector<std::pair<std::size_t, const Difference*>> numbered;
  for (const Difference& difference : differences_) {
    if (difference.differs) numbered.emplace_back(add_to(outline, difference), &difference);
  }
  AdapterWriter adapter(directory, outline);
  std::vector<AdapterLoss> losses;
  for (const auto& [number, difference] : numbered) {
    if (is_adapted(*difference->base)) {
      adapter.write(number, 0, difference->factors.a);
      adapter.write(number + 1, 0, difference->factors.b);
      losses.push_back({difference->base->name, difference->norms});
    } else if (is_bias_of_adapted(*difference)) {
      adapter.write(number, 0, difference->bias);
    } else {
      for_each_part(model_, *difference->model,
                    [&adapter, index = number](std::size_t first, std::span<const float> values) {
                      adapter.write(index, first, values);
                    });
    }
  }
  adapter.finish({.base_name = options_.base_name,
                  .task_type = base_.config().is_vlm() ? "" : "CAUSAL_LM",
                  .rank = options_.rank});
  return report_losses(losses, outline);
}

}  // namespace

AdapterReport extract_lora(const Checkpoint& base, const Checkpoint& model,
                           const std::filesystem::path& target,
                           const LoraExtractionOptions& options, ThreadPool& pool) {
  for (const Checkpoint* const one : {&base, &model}) {
    refuse_layer_path(one->directory().string(), *one);
  }
  AtomicDirectory directory(target);
  Extractor extractor(base, model, target, options);
  extractor.extract(pool);
  AdapterReport report = extractor.write(directory.path());
  directory.commit();
  return report;
}

}  // namespace vlm
