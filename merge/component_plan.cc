#include "merge/component_plan.h"

#include <algorithm>

#include "core/error.h"
#include "merge/output_shape.h"
#include "merge/parameter_resolution.h"
#include "merge/single_view.h"

namespace vlm {
namespace {

// The tensors that stand at one place of the sources of a slice.
struct Place {
  std::string output;  // canonical name
  TensorPlace where;   // name and component are set by add()
  const Slice* slice = nullptr;
  std::vector<const TensorInfo*> tensors;  // parallel to slice->sources
};

class ComponentPlanner {
 public:
  ComponentPlanner(const ComponentSlices& slices, const std::vector<InputTensors>& inputs,
                   MergePlan& plan, FilterUses& filters)
      : slices_(slices),
        inputs_(inputs),
        plan_(plan),
        filters_(filters),
        num_layers_(slices.num_layers()) {}

  void add_all();

 private:
  void add_outer(bool before_layers, const Slice& slice);
  void add_outer(const std::string& name, const Slice& slice);
  void add_layers();
  void add_layer(const Slice& slice, std::size_t offset, std::size_t output_layer);
  void add(Place place);
  void add_merge(const Place& place);
  void add_base(const Place& place);
  void add_copy_of_source(const Place& place, std::size_t source);
  void add_copy(const std::string& output, std::size_t input, const TensorInfo* info);

  [[nodiscard]] DType copied_dtype(std::size_t input, const TensorInfo& info) const;
  [[nodiscard]] const LayerTensors& layer(const SliceSource& source, std::size_t offset) const;
  [[nodiscard]] TensorPlan start(const Place& place) const;
  [[nodiscard]] ParameterValues resolve(ParameterScope scope, const Place& place,
                                        const SliceSource* source) const;
  [[nodiscard]] SettingLevels levels_of(const Place& place, const SliceSource* source) const;
  void note_filters(const Place& place);
  [[nodiscard]] bool is_unmatched(const Place& place) const;
  [[nodiscard]] bool is_mismatched(const Place& place) const;
  void warn_of_mismatches();
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidArgument, what);
  }

  const ComponentSlices& slices_;
  const std::vector<InputTensors>& inputs_;
  MergePlan& plan_;
  FilterUses& filters_;
  std::size_t num_layers_;
  std::vector<std::string> mismatched_;  // outputs that are the base's therefore
};

void ComponentPlanner::add_all() {
  if (slices_.is_donors) {
    for (const TensorInfo* const info : inputs_[plan_.donor].of(slices_.component).all()) {
      if (!plan_.recipe.single_view || !is_of_tiles(info->name)) {
        add_copy(info->name, plan_.donor, info);
      }
    }
    return;
  }
  add_outer(true, slices_.outer ? *slices_.outer : slices_.slices.front());
  add_layers();
  add_outer(false, slices_.outer ? *slices_.outer : slices_.slices.back());
  warn_of_mismatches();
}

void ComponentPlanner::add_outer(bool before_layers, const Slice& slice) {
  for (const std::string& name : outer_names(inputs_, slices_.component, slice)) {
    if (is_before_layers(name) != before_layers) continue;
    if (!plan_.recipe.single_view || !is_of_tiles(name)) add_outer(name, slice);
  }
}

void ComponentPlanner::add_outer(const std::string& name, const Slice& slice) {
  if (plan_.recipe.vocabulary == VocabularyPolicy::kBase &&
      (name == kEmbedName || name == kHeadName)) {
    const auto& donor = inputs_[plan_.donor];
    const bool is_tied_head = name == kHeadName && donor.ties_head();
    if (!is_tied_head) add_copy(name, plan_.donor, donor.find_outer(name));
    return;
  }
  Place place{name, {}, &slice, {}};
  for (const SliceSource& source : slice.sources) {
    place.tensors.push_back(inputs_[source.input].find_outer(name));
  }
  add(std::move(place));
}

void ComponentPlanner::add_layers() {
  std::size_t output_layer = 0;
  for (const Slice& slice : slices_.slices) {
    const std::size_t count = slice.sources.front().layers.count();
    for (std::size_t offset = 0; offset < count; ++offset) {
      add_layer(slice, offset, output_layer++);
    }
  }
}

const LayerTensors& ComponentPlanner::layer(const SliceSource& source, std::size_t offset) const {
  return inputs_[source.input].of(slices_.component).layer(source.layers.first + offset);
}

void ComponentPlanner::add_layer(const Slice& slice, std::size_t offset, std::size_t output_layer) {
  std::vector<std::string> suffixes;
  for (const SliceSource& source : slice.sources) {
    for (const auto& [suffix, info] : layer(source, offset)) {
      if (std::find(suffixes.begin(), suffixes.end(), suffix) == suffixes.end()) {
        suffixes.push_back(suffix);
      }
    }
  }
  const std::size_t count = slice.sources.front().layers.count();
  const double position =
      count == 1 ? 1.0 : static_cast<double>(offset) / static_cast<double>(count - 1);
  if (suffixes.empty()) {
    fail("layer has no tensors: " + plan_.inputs[slice.sources.front().input].name + ": layer " +
         std::to_string(slice.sources.front().layers.first + offset) + " of the " +
         std::string(description_of(slices_.component)));
  }
  for (const std::string& suffix : suffixes) {
    Place place{layer_tensor_name(slices_.component, output_layer, suffix),
                {"", output_layer, position},
                &slice,
                {}};
    for (const SliceSource& source : slice.sources) {
      place.tensors.push_back(find_tensor(layer(source, offset), suffix));
    }
    add(std::move(place));
  }
}

void ComponentPlanner::add(Place place) {
  if (place.slice->is_copy) return add_copy_of_source(place, 0);
  place.where.name = std::string_view(place.output).substr(prefix_of(slices_.component).size());
  place.where.component = slices_.component;
  note_filters(place);
  if (plan_.recipe.copies_unmatched && is_mismatched(place)) {
    mismatched_.push_back(place.output);
    return add_base(place);
  }
  if (plan_.recipe.copies_unmatched && is_unmatched(place)) return add_base(place);
  add_merge(place);
}

void ComponentPlanner::add_copy_of_source(const Place& place, std::size_t source) {
  const std::size_t input = place.slice->sources[source].input;
  const TensorInfo* const donated = inputs_[plan_.donor].find_outer(place.output);
  const TensorInfo* const info = place.tensors[source];
  if (donated != nullptr && info != nullptr && donated->shape != info->shape) {
    fail("shapes differ: " + plan_.inputs[input].name + ": " + place.output + " " +
         to_string(info->shape) + ", " + plan_.inputs[plan_.donor].name + " " +
         to_string(donated->shape));
  }
  add_copy(place.output, input, info);
}

void ComponentPlanner::add_copy(const std::string& output, std::size_t input,
                                const TensorInfo* info) {
  if (info == nullptr) {
    throw Error(ErrorCode::kCorruptFile,
                "model lacks a tensor: " + plan_.inputs[input].name + ": " + output);
  }
  TensorPlan tensor;
  tensor.is_copy = true;
  tensor.sources.push_back({input, info, {}});
  tensor.output = {output, copied_dtype(input, *info), info->shape};
  tensor.num_layers = num_layers_;
  tensor.merged_rows = info->shape.empty() ? 0 : info->shape.front();
  plan_.tensors.push_back(std::move(tensor));
}

// What the result borrows it does not write, so it is not rounded either.
DType ComponentPlanner::copied_dtype(std::size_t input, const TensorInfo& info) const {
  const bool is_borrowed =
      slices_.is_donors && plan_.inputs[input].checkpoint->config().is_borrowed(info.name);
  if (is_borrowed) return info.dtype;
  return plan_.recipe.out_dtype.value_or(plan_.recipe.dtype.value_or(info.dtype));
}

// With the sources and their parameters.
TensorPlan ComponentPlanner::start(const Place& place) const {
  TensorPlan tensor;
  tensor.output.name = place.output;
  tensor.layer = place.where.layer;
  tensor.num_layers = num_layers_;
  const bool with_origin = has_origin(*plan_.method, place.slice->base);
  for (std::size_t i = 0; i < place.tensors.size(); ++i) {
    const SliceSource& source = place.slice->sources[i];
    if (place.tensors[i] == nullptr) {
      fail("model lacks a tensor that others have: " + plan_.inputs[source.input].name + ": " +
           place.output);
    }
    if (with_origin && place.slice->base == source.input) {
      tensor.base = PlannedSource{source.input, place.tensors[i], {}};
      continue;
    }
    tensor.sources.push_back(
        {source.input, place.tensors[i], resolve(ParameterScope::kPerModel, place, &source)});
  }
  tensor.parameters = resolve(ParameterScope::kGlobal, place, nullptr);
  return tensor;
}

void ComponentPlanner::add_merge(const Place& place) {
  TensorPlan tensor = start(place);
  std::optional<PlannedSource> donated;
  if (const TensorInfo* const info = inputs_[plan_.donor].find_outer(place.output)) {
    donated = PlannedSource{plan_.donor, info, {}};
  }
  align_shapes(plan_, donated, tensor);
  tensor.output.dtype = output_dtype(plan_.recipe, tensor);
  check_parameters(plan_, tensor);
  const bool passes_through =
      plan_.method->name == "passthrough" && tensor.sources.front().parameters.at("scale") == 1.0;
  tensor.is_copy = passes_through && !tensor.further_rows &&
                   tensor.output.shape == tensor.sources.front().info->shape;
  plan_.tensors.push_back(std::move(tensor));
}

ParameterValues ComponentPlanner::resolve(ParameterScope scope, const Place& place,
                                          const SliceSource* source) const {
  std::string who = plan_.recipe.where + ": ";
  if (source != nullptr) who += plan_.inputs[source->input].name + ": ";
  if (source != nullptr && place.slice->base == source->input) {
    who += "(base_model is an input of method '" + plan_.method->name + "') ";
  }
  return resolve_parameters(*plan_.method, scope, levels_of(place, source), place.where, who);
}

SettingLevels ComponentPlanner::levels_of(const Place& place, const SliceSource* source) const {
  return {source == nullptr ? nullptr : source->parameters, place.slice->parameters,
          slices_.parameters, &plan_.recipe.parameters};
}

void ComponentPlanner::note_filters(const Place& place) {
  const auto note = [&](ParameterScope scope, const SliceSource* source) {
    filters_.note(*plan_.method, scope, levels_of(place, source), place.where);
  };
  for (const SliceSource& source : place.slice->sources) note(ParameterScope::kPerModel, &source);
  note(ParameterScope::kGlobal, nullptr);
}

// Whether a parameter of the merge, or one of every model, has no value here.
bool ComponentPlanner::is_unmatched(const Place& place) const {
  const auto lacks = [&](ParameterScope scope, const SliceSource* source) {
    return lacks_parameter(*plan_.method, scope, levels_of(place, source), place.where);
  };
  const bool with_origin = has_origin(*plan_.method, place.slice->base);
  return lacks(ParameterScope::kGlobal, nullptr) ||
         std::ranges::all_of(place.slice->sources, [&](const SliceSource& source) {
           const bool is_origin = with_origin && source.input == place.slice->base;
           return is_origin || lacks(ParameterScope::kPerModel, &source);
         });
}

// Whether a source lacks the tensor or has it in another shape; where common rows are merged, other
// rows are no other shape.
bool ComponentPlanner::is_mismatched(const Place& place) const {
  const bool may_differ_in_rows = plan_.recipe.vocabulary == VocabularyPolicy::kCommonRows &&
                                  (place.output == kEmbedName || place.output == kHeadName);
  const auto shape_of = [&](const TensorInfo& info) {
    Shape shape = info.shape;
    if (may_differ_in_rows && !shape.empty()) shape.front() = 0;
    return shape;
  };
  const TensorInfo* const first = place.tensors.front();
  return std::ranges::any_of(place.tensors, [&](const TensorInfo* const info) {
    return first == nullptr || info == nullptr || shape_of(*info) != shape_of(*first);
  });
}

void ComponentPlanner::warn_of_mismatches() {
  if (mismatched_.empty()) return;
  plan_.warnings.push_back(
      "unmatched: the base's, because a model lacks the tensor or has it in another shape: " +
      std::to_string(mismatched_.size()) +
      (mismatched_.size() == 1 ? " tensor: " : " tensors, e.g. ") + mismatched_.front());
}

// The base's tensor at the place, as it is.
void ComponentPlanner::add_base(const Place& place) {
  for (std::size_t i = 0; i < place.tensors.size(); ++i) {
    const std::size_t input = place.slice->sources[i].input;
    if (input == place.slice->base) return add_copy_of_source(place, i);
  }
  fail("'unmatched: copy_base' needs a base_model: " + plan_.recipe.where + ": " + place.output);
}

}  // namespace

std::set<std::string, std::less<>> outer_names(const std::vector<InputTensors>& inputs,
                                               Component component, const Slice& slice) {
  std::set<std::string, std::less<>> names;
  for (const SliceSource& source : slice.sources) {
    for (const TensorInfo* const info : inputs[source.input].of(component).outer()) {
      names.insert(info->name);
    }
    if (component == Component::kText && !inputs[source.input].ties_head()) {
      names.emplace(kHeadName);
    }
  }
  return names;
}

void add_component(const ComponentSlices& slices, const std::vector<InputTensors>& inputs,
                   MergePlan& plan, FilterUses& filters) {
  ComponentPlanner(slices, inputs, plan, filters).add_all();
}

}  // namespace vlm
