#include "merge/adapter_plan.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "checkpoint/adapted_checkpoint.h"
#include "core/error.h"
#include "merge/adapter_deltas.h"
#include "merge/component.h"
#include "merge/filter_uses.h"
#include "merge/linear_child.h"
#include "merge/parameter_resolution.h"
#include "merge/plan_slices.h"
#include "merge/refusal.h"

namespace vlm {
namespace {

// Angles between weights, their softmax, their norms.
constexpr std::array<std::string_view, 4> kOfWeights = {"slerp", "karcher", "arcee_fusion", "dim3"};

// Methods that would make something of the singular vectors of 0, which are any.
constexpr std::array<std::string_view, 2> kOfAllDirections = {"iso_c", "tsv_m"};

// What the adapters do to one tensor.
struct Change {
  Shape shape;
  std::string by;  // the first of them
  bool is_product = false;
  bool is_whole = false;
  bool is_of_embedding = false;
  std::set<std::size_t> by_adapters;
  std::map<std::size_t, std::size_t> ranks;  // of products, by adapter
};

class AdapterPlanMaker {
 public:
  AdapterPlanMaker(const Recipe& recipe, ModelPool& models) : models_(models) {
    plan_.deltas.recipe = recipe;
    plan_.deltas.warnings = recipe.warnings;
    plan_.deltas.method = &find_merge_method(recipe.merge_method, recipe.where);
  }

  AdapterPlan make();

 private:
  void check_recipe() const;
  void open_adapters();
  void open_base();
  void collect_changes();
  void add_change(const LoraUpdate& update, std::size_t adapter);
  void open_deltas();
  void check_models();
  void count_layers();
  void add_all();
  [[nodiscard]] TensorPlan plan_tensor(const TensorInfo& info, const TensorPlace& place);
  [[nodiscard]] TensorPlace place_of(const std::string& tensor) const;
  [[nodiscard]] SettingLevels levels_of(const RecipeSource* source) const;
  [[nodiscard]] AdapterTarget target_of(const TensorPlan& tensor) const;
  [[nodiscard]] AdapterTarget product_of(const TensorPlan& tensor, const Change& change) const;
  void note_filters(const TensorPlace& place);
  void choose_names();
  void choose_dtype();

  [[nodiscard]] const Recipe& recipe() const { return plan_.deltas.recipe; }
  [[nodiscard]] const RecipeComponent& component() const { return recipe().components.front(); }
  [[nodiscard]] const RecipeSlice& slice() const { return component().slices.front(); }
  [[nodiscard]] bool has_base() const { return plan_.deltas.method->base != BaseRole::kOrdinary; }

  ModelPool& models_;
  AdapterPlan plan_;
  std::vector<std::string> order_;  // of the changed tensors
  std::map<std::string, Change, std::less<>> changes_;
  std::array<std::size_t, kComponents.size()> num_layers_{};
  FilterUses filters_;
};

AdapterPlan AdapterPlanMaker::make() {
  check_recipe();
  open_adapters();
  open_base();
  collect_changes();
  open_deltas();
  check_models();
  count_layers();
  add_all();
  choose_names();
  choose_dtype();
  return std::move(plan_);
}

void AdapterPlanMaker::check_recipe() const {
  const Recipe& recipe = this->recipe();
  const std::array<std::pair<const char*, bool>, 8> keys = {{
      {"vlm", recipe.vlm.has_value()},
      {"slices", component().is_stack},
      {"components", component().component != Component::kText || recipe.components.size() > 1},
      {"tokenizer", recipe.tokenizer.has_value()},
      {"embeddings", recipe.vocabulary != VocabularyPolicy::kError},
      {"chat_template", recipe.chat_template.has_value()},
      {"views", recipe.single_view},
      {"unmatched", recipe.copies_unmatched},
  }};
  for (const auto& [key, is_there] : keys) {
    if (is_there) {
      refuse("a merge of adapters has no '" + std::string(key) + "': " + recipe.where);
    }
  }
  const MergeMethod& method = *plan_.deltas.method;
  if (std::ranges::find(kOfAllDirections, method.name) != kOfAllDirections.end()) {
    refuse("method '" + method.name +
           "' weighs all directions of a delta, of which adapters have " + "few: " + recipe.where +
           ": adapters alone");
  }
  if (merges_deltas(method)) return;
  refuse("method '" + method.name + "' needs the weights of models, not only their deltas: " +
         recipe.where + ": adapters alone (write MODEL+ADAPTER, then extract-lora)");
}

void AdapterPlanMaker::open_adapters() {
  for (const RecipeSource& source : slice().sources) {
    plan_.adapters.push_back(models_.open_adapter(source.model));
  }
}

void AdapterPlanMaker::open_base() {
  if (!recipe().base_model) return;
  plan_.base = models_(*recipe().base_model);
  for (const auto& adapter : plan_.adapters) {
    const AdaptedCheckpoint must_fit(plan_.base, adapter);
  }
}

void AdapterPlanMaker::collect_changes() {
  for (std::size_t i = 0; i < plan_.adapters.size(); ++i) {
    for (const LoraUpdate& update : plan_.adapters[i]->updates()) add_change(update, i);
  }
}

void AdapterPlanMaker::add_change(const LoraUpdate& update, std::size_t adapter) {
  const std::string& name = slice().sources[adapter].model;
  const auto [found, is_new] = changes_.try_emplace(update.target);
  Change& change = found->second;
  if (is_new) {
    order_.push_back(update.target);
    change.shape = changed_shape(update);
    change.by = name;
  }
  change.by_adapters.insert(adapter);
  if (changed_shape(update) != change.shape) {
    refuse("adapters are of models of other shapes: " + recipe().where + ": " + update.target +
           ": " + to_string(change.shape) + " in " + change.by + ", " +
           to_string(changed_shape(update)) + " in " + name);
  }
  if (update.kind == LoraUpdateKind::kReplacement) {
    change.is_whole = true;
    if (plan_.base != nullptr) return;
    refuse("adapter saves a tensor whole, so its difference needs a base_model: " + recipe().where +
           ": " + name + ": " + update.disk_name);
  }
  if (update.kind != LoraUpdateKind::kProduct) return;
  if (change.is_product && change.is_of_embedding != update.is_transposed) {
    throw Error(ErrorCode::kUnsupported,
                "module is an embedding in one adapter and a matrix in another: " + recipe().where +
                    ": " + update.target + ": " + change.by + ", " + name);
  }
  change.is_product = true;
  change.is_of_embedding = update.is_transposed;
  change.ranks[adapter] = update.a.shape.front();
}

void AdapterPlanMaker::open_deltas() {
  std::vector<TensorInfo> infos;
  for (const std::string& name : order_) {
    infos.push_back({name, DType::kF32, changes_.at(name).shape});
  }
  const auto zeros = std::make_shared<const ZeroCheckpoint>(infos, "zeros");
  for (std::size_t i = 0; i < plan_.adapters.size(); ++i) {
    plan_.deltas.inputs.push_back(
        {slice().sources[i].model,
         std::make_shared<const AdapterDeltas>(zeros, plan_.adapters[i], plan_.base)});
  }
  plan_.deltas.inputs.push_back({"zeros", zeros});
}

void AdapterPlanMaker::check_models() {
  Slice all;
  for (std::size_t i = 0; i < plan_.adapters.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!std::filesystem::equivalent(plan_.adapters[i]->directory(),
                                       plan_.adapters[j]->directory())) {
        continue;
      }
      refuse("model is listed twice: " + recipe().where + ": " + slice().sources[i].model);
    }
    all.sources.push_back({i, {}, nullptr});
  }
  if (has_base()) {
    all.base = plan_.adapters.size();
    all.sources.push_back({plan_.adapters.size(), {}, nullptr});
  }
  check_slice(plan_.deltas, all);
}

// As the base has them; else up to the highest that an adapter changes.
void AdapterPlanMaker::count_layers() {
  const auto count = [&](const std::string& tensor) {
    const auto layer = parse_layer_name(tensor);
    const auto component = component_of(tensor);
    if (!layer || !component) return;
    std::size_t& layers = num_layers_[static_cast<std::size_t>(*component)];
    layers = std::max(layers, layer->layer + 1);
  };
  for (const std::string& name : order_) count(name);
  if (plan_.base == nullptr) return;
  for (const TensorInfo& info : plan_.base->tensors()) count(info.name);
}

TensorPlace AdapterPlanMaker::place_of(const std::string& tensor) const {
  TensorPlace place;
  place.component = component_of(tensor).value_or(Component::kText);
  place.name = std::string_view(tensor).substr(prefix_of(place.component).size());
  const auto layer = parse_layer_name(tensor);
  if (!layer) return place;
  const std::size_t layers = num_layers_[static_cast<std::size_t>(place.component)];
  place.layer = layer->layer;
  place.position =
      layers == 1 ? 1.0 : static_cast<double>(layer->layer) / static_cast<double>(layers - 1);
  return place;
}

SettingLevels AdapterPlanMaker::levels_of(const RecipeSource* source) const {
  return {source == nullptr ? nullptr : &source->parameters, &slice().parameters,
          &component().parameters, &recipe().parameters};
}

void AdapterPlanMaker::add_all() {
  const std::vector<TensorInfo>& infos = plan_.deltas.inputs.back().checkpoint->tensors();
  for (const TensorInfo& info : infos) {
    const TensorPlace place = place_of(info.name);
    note_filters(place);
    TensorPlan tensor = plan_tensor(info, place);
    AdapterTarget target = target_of(tensor);
    if (target.form == AdapterForm::kJoined && target.rank == 0) continue;
    plan_.config.rank = std::max(plan_.config.rank, target.rank);
    plan_.deltas.tensors.push_back(std::move(tensor));
    plan_.targets.push_back(std::move(target));
  }
  const auto more = filters_.warnings();
  plan_.deltas.warnings.insert(plan_.deltas.warnings.end(), more.begin(), more.end());
  if (plan_.targets.empty()) {
    refuse("the merged adapter would change no tensor: " + recipe().where + ": all weights are 0");
  }
}

// All inputs have the same tensors.
TensorPlan AdapterPlanMaker::plan_tensor(const TensorInfo& info, const TensorPlace& place) {
  TensorPlan tensor;
  tensor.output = info;
  tensor.layer = place.layer;
  tensor.num_layers = num_layers_[static_cast<std::size_t>(place.component)];
  tensor.merged_rows = info.shape.empty() ? 0 : info.shape.front();
  const MergeMethod& method = *plan_.deltas.method;
  const Change& change = changes_.at(info.name);
  for (std::size_t i = 0; i < plan_.adapters.size(); ++i) {
    const RecipeSource& source = slice().sources[i];
    tensor.sources.push_back(
        {i, &info,
         resolve_parameters(method, ParameterScope::kPerModel, levels_of(&source), place,
                            recipe().where + ": " + source.model + ": "),
         !change.by_adapters.contains(i)});
  }
  if (has_base()) tensor.base = PlannedSource{plan_.adapters.size(), &info, {}};
  tensor.parameters = resolve_parameters(method, ParameterScope::kGlobal, levels_of(nullptr), place,
                                         recipe().where + ": ");
  check_parameters(plan_.deltas, tensor);
  return tensor;
}

void AdapterPlanMaker::note_filters(const TensorPlace& place) {
  const auto note = [&](ParameterScope scope, const RecipeSource* source) {
    filters_.note(*plan_.deltas.method, scope, levels_of(source), place);
  };
  for (const RecipeSource& source : slice().sources) note(ParameterScope::kPerModel, &source);
  note(ParameterScope::kGlobal, nullptr);
}

AdapterTarget AdapterPlanMaker::target_of(const TensorPlan& tensor) const {
  const Change& change = changes_.at(tensor.output.name);
  if (change.is_whole) {
    const std::string& name = tensor.output.name;
    const auto weight = changes_.find(module_of(name) + ".weight");
    const bool is_bias_of_product = name.ends_with(".bias") && weight != changes_.end() &&
                                    weight->second.is_product && !weight->second.is_whole;
    return {is_bias_of_product ? AdapterForm::kBias : AdapterForm::kWhole, false, 0, {}};
  }
  if (!change.is_product) return {AdapterForm::kBias, false, 0, {}};
  return product_of(tensor, change);
}

AdapterTarget AdapterPlanMaker::product_of(const TensorPlan& tensor, const Change& change) const {
  AdapterTarget target{AdapterForm::kJoined, change.is_of_embedding, 0, {}};
  if (auto factors = linear_factors(plan_.deltas, tensor)) target.factors = std::move(*factors);
  std::size_t sum = 0;
  for (const auto& [adapter, rank] : change.ranks) {
    if (target.factors.empty() || target.factors[adapter] != 0) sum += rank;
  }
  const std::size_t rows = change.shape.front();
  const std::size_t smaller = std::min(rows, *element_count(change.shape) / rows);
  target.rank = std::min(sum, recipe().adapter_rank.value_or(sum));
  if (!target.factors.empty() && target.rank == sum && sum <= smaller) return target;
  target.form = AdapterForm::kCut;
  target.rank = std::min(recipe().adapter_rank.value_or(sum), smaller);
  return target;
}

void AdapterPlanMaker::choose_names() {
  std::vector<std::string> names;
  std::set<std::string> bases;
  std::set<std::string> task_types;
  for (const auto& adapter : plan_.adapters) {
    for (const LoraUpdate& update : adapter->updates()) names.push_back(update.disk_name);
    if (!adapter->config().base_name.empty()) bases.insert(adapter->config().base_name);
    task_types.insert(adapter->config().task_type);
  }
  plan_.layout = Layout::detect(names);
  if (task_types.size() == 1) plan_.config.task_type = *task_types.begin();
  if (recipe().base_model) {
    plan_.config.base_name = *recipe().base_model;
    return;
  }
  if (bases.size() > 1) {
    refuse("adapters are of different models: " + recipe().where + ": '" + *bases.begin() +
           "' and '" + *bases.rbegin() + "' (base_model says which one it is)");
  }
  if (!bases.empty()) plan_.config.base_name = *bases.begin();
}

void AdapterPlanMaker::choose_dtype() {
  std::set<DType> dtypes;
  for (const auto& adapter : plan_.adapters) {
    for (const LoraUpdate& update : adapter->updates()) dtypes.insert(update.a.dtype);
  }
  const DType common = dtypes.size() == 1 ? *dtypes.begin() : DType::kF32;
  const DType stored = common == DType::kF64 ? DType::kF32 : common;
  plan_.dtype = recipe().out_dtype.value_or(recipe().dtype.value_or(stored));
  plan_.deltas.recipe.dtype.reset();  // deltas are not rounded
}

}  // namespace

bool merges_deltas(const MergeMethod& method) {
  return std::ranges::find(kOfWeights, method.name) == kOfWeights.end();
}

bool merges_adapters(const Recipe& recipe, const ModelPool& models) {
  return !recipe.path &&
         std::ranges::all_of(recipe.components, [&](const RecipeComponent& component) {
           return std::ranges::all_of(component.slices, [&](const RecipeSlice& slice) {
             return std::ranges::all_of(slice.sources, [&](const RecipeSource& source) {
               return models.is_adapter(source.model);
             });
           });
         });
}

AdapterPlan plan_adapter_merge(const Recipe& recipe, ModelPool& models) {
  return AdapterPlanMaker(recipe, models).make();
}

}  // namespace vlm
