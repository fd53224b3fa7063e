#include "checkpoint/lora_updates.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "checkpoint/layout.h"
#include "core/error.h"

namespace vlm {
namespace {

constexpr std::string_view kPeftPrefix = "base_model.model.";

enum class Part : std::uint8_t { kA, kB, kEmbeddingA, kEmbeddingB, kBiasOfB, kWhole };

struct PartEnding {
  std::string_view ending;
  Part part;
};

constexpr std::array kPartEndings{
    PartEnding{".lora_A.weight", Part::kA},
    PartEnding{".lora_B.weight", Part::kB},
    PartEnding{".lora_embedding_A", Part::kEmbeddingA},
    PartEnding{".lora_embedding_B", Part::kEmbeddingB},
    PartEnding{".lora_B.bias", Part::kBiasOfB},
};

struct PartName {
  std::string module;  // as in the model: "model.layers.0.self_attn.q_proj"
  std::string tensor;  // what of the module changes: "weight" or "bias"
  Part part = Part::kWhole;
};

[[noreturn]] void fail(ErrorCode code, const std::string& what, const LoraConfig& config,
                       const std::string& seen) {
  throw Error(code,
              what + ": " +
                  (std::filesystem::path(config.where).parent_path() / "adapter_model.safetensors")
                      .string() +
                  ": " + seen);
}

// "base_model.model." + module + ending
PartName parse_name(const std::string& name, const LoraConfig& config) {
  if (!name.starts_with(kPeftPrefix)) {
    fail(ErrorCode::kUnsupported, "tensor of an adapter is not named 'base_model.model....'",
         config, name);
  }
  const std::string_view rest = std::string_view(name).substr(kPeftPrefix.size());
  for (const auto& [ending, part] : kPartEndings) {
    if (!rest.ends_with(ending)) continue;
    return {std::string(rest.substr(0, rest.size() - ending.size())),
            part == Part::kBiasOfB ? "bias" : "weight", part};
  }
  const std::size_t dot = rest.rfind('.');
  const std::string_view tensor = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
  if (dot == std::string_view::npos || rest.find(".lora_") != std::string_view::npos ||
      (tensor != "weight" && tensor != "bias")) {
    fail(ErrorCode::kUnsupported, "tensor of an adapter that is not LoRA's", config, name);
  }
  // A module that is saved whole and adapted besides lies under its adapted self.
  std::string_view module = rest.substr(0, dot);
  constexpr std::string_view kUnderneath = ".base_layer";
  if (module.ends_with(kUnderneath)) module.remove_suffix(kUnderneath.size());
  return {std::string(module), std::string(tensor), Part::kWhole};
}

bool is_vocabulary(std::string_view module) {
  return module.ends_with("embed_tokens") || module.ends_with("lm_head");
}

// PEFT saves vocabulary rows without being asked when they were resized.
void check_whole(const PartName& name, const LoraConfig& config) {
  const bool is_trained_bias = name.tensor == "bias" && config.trains_biases;
  if (is_trained_bias || config.saves(name.module) || is_vocabulary(name.module)) return;
  fail(ErrorCode::kUnsupported, "tensor of an adapter that its modules_to_save do not name", config,
       name.module + "." + name.tensor);
}

// Collects the tensors of a file as updates, by target.
class UpdateReader {
 public:
  explicit UpdateReader(const LoraConfig& config) : config_(config) {}

  void add(const std::string& name, const TensorView& view);
  std::vector<LoraUpdate> finish();

 private:
  struct Pair {
    std::size_t update = 0;  // index into updates_
    PartName name;
    std::optional<TensorView> a;
    std::optional<TensorView> b;
  };

  LoraUpdate& new_update(const PartName& name, LoraUpdateKind kind);
  Pair& pair_of(const PartName& name);
  void complete(const Pair& pair);
  void name_targets();

  const LoraConfig& config_;
  std::vector<LoraUpdate> updates_;  // with names on disk as targets until they are finished
  std::map<std::string, Pair> pairs_;
};

void UpdateReader::add(const std::string& name, const TensorView& view) {
  if (!is_floating(view.dtype)) {
    fail(ErrorCode::kUnsupported, "tensor of an adapter that is not floating", config_, name);
  }
  const PartName parsed = parse_name(name, config_);
  if (parsed.part == Part::kWhole) {
    check_whole(parsed, config_);
    new_update(parsed, LoraUpdateKind::kReplacement).a = view;
    return;
  }
  if (parsed.part == Part::kBiasOfB) {
    new_update(parsed, LoraUpdateKind::kSum).a = view;
    return;
  }
  Pair& pair = pair_of(parsed);
  const bool is_a = parsed.part == Part::kA || parsed.part == Part::kEmbeddingA;
  std::optional<TensorView>& place = is_a ? pair.a : pair.b;
  if (place) fail(ErrorCode::kCorruptFile, "module is adapted twice", config_, name);
  place = view;
}

LoraUpdate& UpdateReader::new_update(const PartName& name, LoraUpdateKind kind) {
  LoraUpdate update;
  update.target = name.module + "." + name.tensor;
  update.kind = kind;
  updates_.push_back(std::move(update));
  return updates_.back();
}

UpdateReader::Pair& UpdateReader::pair_of(const PartName& name) {
  const auto found = pairs_.find(name.module);
  if (found != pairs_.end()) return found->second;
  LoraUpdate& update = new_update(name, LoraUpdateKind::kProduct);
  update.is_transposed = name.part == Part::kEmbeddingA || name.part == Part::kEmbeddingB;
  return pairs_.emplace(name.module, Pair{updates_.size() - 1, name, {}, {}}).first->second;
}

void UpdateReader::complete(const Pair& pair) {
  LoraUpdate& update = updates_[pair.update];
  if (!pair.a || !pair.b) {
    fail(ErrorCode::kCorruptFile, pair.a ? "adapter has A but no B" : "adapter has B but no A",
         config_, pair.name.module);
  }
  update.a = *pair.a;
  update.b = *pair.b;
  const Shape& a = update.a.shape;
  const Shape& b = update.b.shape;
  const bool is_flat = std::all_of(b.begin() + std::min<std::ptrdiff_t>(2, std::ssize(b)), b.end(),
                                   [](std::size_t size) { return size == 1; });
  if (a.size() < 2 || b.size() != a.size() || !is_flat || a[0] != b[1]) {
    fail(ErrorCode::kCorruptFile, "A and B of an adapter do not fit together", config_,
         pair.name.module + ": A " + to_string(a) + ", B " + to_string(b));
  }
  const std::size_t rank = config_.rank_of(pair.name.module);
  if (a[0] != rank) {
    fail(ErrorCode::kCorruptFile, "rank is not that of adapter_config.json", config_,
         pair.name.module + ": A " + to_string(a) + ", r = " + std::to_string(rank));
  }
  update.scale = config_.scale_of(pair.name.module, rank);
}

// From names on disk to canonical ones. A bias of B is scaled like its product.
void UpdateReader::name_targets() {
  std::vector<std::string> names;
  for (const LoraUpdate& update : updates_) names.push_back(update.target);
  const Layout layout = Layout::detect(names);
  std::set<std::pair<std::string, bool>> seen;
  for (LoraUpdate& update : updates_) {
    const std::string on_disk = update.target;
    if (update.kind == LoraUpdateKind::kSum) {
      const std::string module = on_disk.substr(0, on_disk.rfind('.'));
      update.scale = config_.scale_of(module, config_.rank_of(module));
    }
    const auto canonical = layout.canonical_name(on_disk);
    if (!canonical) {
      fail(ErrorCode::kUnsupported,
           "module of an adapter fits no rule of the layout '" + std::string(layout.name()) + "'",
           config_, on_disk);
    }
    update.target = *canonical;
    update.disk_name = on_disk;
    const bool replaces = update.kind == LoraUpdateKind::kReplacement;
    if (!seen.emplace(update.target, replaces).second) {
      fail(ErrorCode::kCorruptFile, "tensor is adapted twice", config_, on_disk);
    }
  }
}

std::vector<LoraUpdate> UpdateReader::finish() {
  for (const auto& [module, pair] : pairs_) complete(pair);
  if (updates_.empty()) {
    fail(ErrorCode::kInvalidArgument, "adapter changes no tensor", config_, "no tensors");
  }
  name_targets();
  // What takes a tensor's place goes before what is added to it.
  std::stable_partition(updates_.begin(), updates_.end(), [](const LoraUpdate& update) {
    return update.kind == LoraUpdateKind::kReplacement;
  });
  return std::move(updates_);
}

}  // namespace

// Of b a [out, in ...], turned around if it is transposed.
Shape changed_shape(const LoraUpdate& update) {
  Shape shape = update.a.shape;
  if (update.kind != LoraUpdateKind::kProduct) return shape;
  shape.front() = update.b.shape.front();
  if (update.is_transposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

std::vector<LoraUpdate> read_lora_updates(const LoraConfig& config,
                                          std::span<const AdapterTensor> tensors) {
  UpdateReader reader(config);
  for (const AdapterTensor& tensor : tensors) reader.add(tensor.name, tensor.values);
  return reader.finish();
}

}  // namespace vlm
