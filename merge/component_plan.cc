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
  TensorPlace where;   // `name` is set by add_merge
  const Slice* slice = nullptr;
  std::vector<const TensorInfo*> tensors;  // parallel to slice->sources
};

class ComponentPlanner {
 public:
  ComponentPlanner(const ComponentSlices& slices, const PlannedInputs& inputs, MergePlan& plan)
      : slices_(slices), inputs_(inputs), plan_(plan), num_layers_(slices.num_layers()) {}

  void add_all();

 private:
  void add_outer(bool before_layers, const Slice& slice);
  void add_outer(const std::string& name, const Slice& slice);
  void add_layers();
  void add_layer(const Slice& slice, std::size_t offset, std::size_t output_layer);
  void add(Place place);
  void add_merge(Place place);
  void add_copy(const std::string& output, std::size_t input, const TensorInfo* info);

  [[nodiscard]] DType copied_dtype(std::size_t input, const TensorInfo& info) const;
  [[nodiscard]] const LayerTensors& layer(const SliceSource& source, std::size_t offset) const;
  [[nodiscard]] TensorPlan start(const Place& place) const;
  [[nodiscard]] ParameterValues resolve(ParameterScope scope, const Place& place,
                                        const SliceSource* source) const;
  void check_parameters(const TensorPlan& tensor) const;
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidArgument, what);
  }
  [[nodiscard]] bool is_base(std::size_t input) const { return inputs_.base == input; }

  const ComponentSlices& slices_;
  const PlannedInputs& inputs_;
  MergePlan& plan_;
  std::size_t num_layers_;
};

void ComponentPlanner::add_all() {
  if (slices_.is_donors) {
    for (const TensorInfo* const info : inputs_.tensors[plan_.donor].of(slices_.component).all()) {
      if (!plan_.recipe.single_view || !is_of_tiles(info->name)) {
        add_copy(info->name, plan_.donor, info);
      }
    }
    return;
  }
  add_outer(true, slices_.outer ? *slices_.outer : slices_.slices.front());
  add_layers();
  add_outer(false, slices_.outer ? *slices_.outer : slices_.slices.back());
}

void ComponentPlanner::add_outer(bool before_layers, const Slice& slice) {
  for (const std::string& name : outer_names(inputs_.tensors, slices_.component, slice)) {
    if (is_before_layers(name) != before_layers) continue;
    if (!plan_.recipe.single_view || !is_of_tiles(name)) add_outer(name, slice);
  }
}

void ComponentPlanner::add_outer(const std::string& name, const Slice& slice) {
  if (plan_.recipe.vocabulary == VocabularyPolicy::kBase &&
      (name == kEmbedName || name == kHeadName)) {
    const auto& donor = inputs_.tensors[plan_.donor];
    const bool is_tied_head = name == kHeadName && donor.ties_head();
    if (!is_tied_head) add_copy(name, plan_.donor, donor.find_outer(name));
    return;
  }
  Place place{name, {}, &slice, {}};
  for (const SliceSource& source : slice.sources) {
    place.tensors.push_back(inputs_.tensors[source.input].find_outer(name));
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
  return inputs_.tensors[source.input].of(slices_.component).layer(source.layers.first + offset);
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
  if (!place.slice->is_copy) return add_merge(std::move(place));
  const std::size_t input = place.slice->sources.front().input;
  const TensorInfo* const donated = inputs_.tensors[plan_.donor].find_outer(place.output);
  const TensorInfo* const info = place.tensors.front();
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
  const bool with_origin = has_origin(*plan_.method, inputs_.base);
  for (std::size_t i = 0; i < place.tensors.size(); ++i) {
    const SliceSource& source = place.slice->sources[i];
    if (place.tensors[i] == nullptr) {
      fail("model lacks a tensor that others have: " + plan_.inputs[source.input].name + ": " +
           place.output);
    }
    if (with_origin && is_base(source.input)) {
      tensor.base = PlannedSource{source.input, place.tensors[i], {}};
      continue;
    }
    tensor.sources.push_back(
        {source.input, place.tensors[i], resolve(ParameterScope::kPerModel, place, &source)});
  }
  tensor.parameters = resolve(ParameterScope::kGlobal, place, nullptr);
  return tensor;
}

void ComponentPlanner::add_merge(Place place) {
  place.where.name = std::string_view(place.output).substr(prefix_of(slices_.component).size());
  TensorPlan tensor = start(place);
  std::optional<PlannedSource> donated;
  if (const TensorInfo* const info = inputs_.tensors[plan_.donor].find_outer(place.output)) {
    donated = PlannedSource{plan_.donor, info, {}};
  }
  align_shapes(plan_, donated, tensor);
  tensor.output.dtype = output_dtype(plan_.recipe, tensor);
  check_parameters(tensor);
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
  if (source != nullptr && is_base(source->input)) {
    who += "(base_model is an input of method '" + plan_.method->name + "') ";
  }
  const ParameterSettings* const own = source == nullptr ? nullptr : source->parameters;
  return resolve_parameters(
      *plan_.method, scope,
      {own, place.slice->parameters, slices_.parameters, &plan_.recipe.parameters}, place.where,
      who);
}

void ComponentPlanner::check_parameters(const TensorPlan& tensor) const {
  if (!plan_.method->complaint) return;
  TensorMerge task;
  task.parameters = tensor.parameters;
  for (const PlannedSource& source : tensor.sources) {
    task.models.push_back({source.input, {}, source.parameters, nullptr});
  }
  if (const auto complaint = plan_.method->complaint(task)) {
    fail(*complaint + ": " + plan_.recipe.where + ": " + tensor.output.name);
  }
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

void add_component(const ComponentSlices& slices, const PlannedInputs& inputs, MergePlan& plan) {
  ComponentPlanner(slices, inputs, plan).add_all();
}

}  // namespace vlm
