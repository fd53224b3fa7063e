#include "merge/lora_extraction.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "checkpoint/finite_weights.h"
#include "checkpoint/layout.h"
#include "checkpoint/safetensors_writer.h"
#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "core/philox.h"
#include "merge/input_checks.h"
#include "merge/kernels/low_rank.h"
#include "merge/ordered_json.h"

namespace vlm {
namespace {

// The module that a tensor belongs to: all before the last dot.
std::string module_of(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind('.'));
}

// Matrices of layers and projector; the head is a matrix too, but is saved whole with the
// embedding.
bool is_adapted(const TensorInfo& info) {
  const bool is_linear =
      info.name.find(".layers.") != std::string::npos || info.name.starts_with("projector/linear_");
  return is_linear && info.shape.size() == 2 && info.name.ends_with(".weight");
}

// "self_attn.q_proj" of "text/model.layers.3.self_attn.q_proj"
std::string kind_of_module(const std::string& module) {
  const std::size_t layers = module.find(".layers.");
  if (layers == std::string::npos) return module;
  const std::size_t number = layers + std::string_view(".layers.").size();
  const std::string component = module.starts_with("vision/") ? "vision " : "";
  return component + module.substr(module.find('.', number) + 1);
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
  void write(const std::filesystem::path& target) const;
  [[nodiscard]] LoraExtraction report() const;

 private:
  void pair_tensors();
  void extract_one(Difference& difference) const;
  [[nodiscard]] bool is_bias_of_adapted(const Difference& difference) const;
  [[nodiscard]] std::string module_on_disk(const Difference& difference) const {
    return module_of(layout_.disk_name(difference.base->name));
  }
  void add_tensors(const Difference& difference, std::vector<NamedTensor>& tensors) const;
  [[nodiscard]] std::string config_json() const;

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

void Extractor::add_tensors(const Difference& difference, std::vector<NamedTensor>& tensors) const {
  const std::string module = "base_model.model." + module_on_disk(difference);
  const auto add = [&](const std::string& name, Shape shape, const std::vector<float>& values) {
    tensors.push_back({name, {DType::kF32, std::move(shape), std::as_bytes(std::span(values))}});
  };
  const Shape& shape = difference.base->shape;
  if (is_adapted(*difference.base)) {
    const LowRankFactors& factors = difference.factors;
    add(module + ".lora_A.weight", {factors.rank, shape[1]}, factors.a);
    add(module + ".lora_B.weight", {shape[0], factors.rank}, factors.b);
  } else if (is_bias_of_adapted(difference)) {
    add(module + ".lora_B.bias", shape, difference.values);
  } else {
    add("base_model.model." + layout_.disk_name(difference.base->name), shape, difference.values);
  }
}

std::string Extractor::config_json() const {
  std::set<std::string> targets;
  std::set<std::string> saved;
  bool has_bias = false;
  OrderedJson ranks = OrderedJson::object();
  for (const Difference& difference : differences_) {
    if (!difference.differs) continue;
    const std::string module = module_on_disk(difference);
    const bool is_bias = is_bias_of_adapted(difference);
    has_bias = has_bias || is_bias;
    (is_bias || is_adapted(*difference.base) ? targets : saved).insert(module);
    if (is_adapted(*difference.base) && difference.factors.rank != options_.rank) {
      ranks[module] = difference.factors.rank;
    }
  }
  const bool is_vlm = base_.config().is_vlm();
  const OrderedJson config{{"peft_type", "LORA"},
                           {"task_type", is_vlm ? OrderedJson() : OrderedJson("CAUSAL_LM")},
                           {"base_model_name_or_path", options_.base_name},
                           {"r", options_.rank},
                           {"lora_alpha", options_.rank},
                           {"lora_dropout", 0.0},
                           {"lora_bias", has_bias},
                           {"bias", "none"},
                           {"fan_in_fan_out", false},
                           {"inference_mode", true},
                           {"init_lora_weights", true},
                           {"use_rslora", false},
                           {"use_dora", false},
                           {"target_modules", targets},
                           {"modules_to_save", saved.empty() ? OrderedJson() : OrderedJson(saved)},
                           {"rank_pattern", ranks},
                           {"alpha_pattern", ranks}};
  return written(config);
}

void Extractor::write(const std::filesystem::path& target) const {
  std::vector<NamedTensor> tensors;
  for (const Difference& difference : differences_) {
    if (difference.differs) add_tensors(difference, tensors);
  }
  AtomicDirectory directory(target);
  write_file_atomically(directory.path() / "adapter_config.json", config_json());
  write_safetensors(directory.path() / "adapter_model.safetensors", tensors, {{"format", "pt"}});
  directory.commit();
}

LoraExtraction Extractor::report() const {
  LoraExtraction report;
  std::map<std::string, std::pair<std::size_t, SquaredNorms>> kinds;  // place in the report
  for (const Difference& difference : differences_) {
    if (!difference.differs) continue;
    const std::string module = module_of(difference.base->name);
    if (!is_adapted(*difference.base)) {
      if (!is_bias_of_adapted(difference)) report.saved_whole.push_back(module);
      continue;
    }
    const auto [found, is_new] =
        kinds.try_emplace(kind_of_module(module), report.kinds.size(), SquaredNorms{});
    if (is_new) report.kinds.push_back({found->first, 0, 0, 0});
    auto& [place, sums] = found->second;
    sums.matrix += difference.norms.matrix;
    sums.residual += difference.norms.residual;
    ExtractedKind& kind = report.kinds[place];
    ++kind.modules;
    kind.relative_error = std::sqrt(sums.residual / sums.matrix);
    kind.largest_error = std::max(kind.largest_error,
                                  std::sqrt(difference.norms.residual / difference.norms.matrix));
  }
  const auto repeated = std::unique(report.saved_whole.begin(), report.saved_whole.end());
  report.saved_whole.erase(repeated, report.saved_whole.end());
  return report;
}

}  // namespace

LoraExtraction extract_lora(const Checkpoint& base, const Checkpoint& model,
                            const std::filesystem::path& target,
                            const LoraExtractionOptions& options, ThreadPool& pool) {
  for (const Checkpoint* const one : {&base, &model}) {
    refuse_layer_path(one->directory().string(), *one);
  }
  Extractor extractor(base, model, options);
  extractor.extract(pool);
  extractor.write(target);
  return extractor.report();
}

}  // namespace vlm
