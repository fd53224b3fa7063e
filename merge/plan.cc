#include "merge/plan.h"

#include <algorithm>
#include <set>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "merge/chat_templates.h"
#include "merge/input_checks.h"
#include "merge/input_tensors.h"
#include "merge/merged_config.h"
#include "merge/output_shape.h"
#include "merge/parameter_resolution.h"
#include "merge/plan_slices.h"
#include "merge/single_view.h"
#include "merge/vocabulary_alignment.h"

namespace vlm {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

std::string counted(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// Two names of one directory are one model; an adapted or merged model keeps its base's directory.
bool is_same_model(const Checkpoint& a, const Checkpoint& b) {
  if (&a == &b) return true;
  const bool are_files = dynamic_cast<const FileCheckpoint*>(&a) != nullptr &&
                         dynamic_cast<const FileCheckpoint*>(&b) != nullptr;
  return are_files && a.directory().lexically_normal() == b.directory().lexically_normal();
}

// The tensors that stand at one place of the sources of a slice.
struct Place {
  std::string output;  // canonical name
  TensorPlace where;   // `name` is set by add_tensor
  const Slice* slice = nullptr;
  std::vector<const TensorInfo*> tensors;  // parallel to slice->sources
};

class PlanMaker {
 public:
  PlanMaker(const Recipe& recipe, const OpenModel& open_model) : open_model_(open_model) {
    plan_.recipe = recipe;
    plan_.method = &find_merge_method(recipe.merge_method, recipe.where);
  }

  MergePlan make();

 private:
  std::size_t input_of(const std::string& name);
  void open_inputs();
  [[nodiscard]] Slice make_slice(const RecipeSlice& slice);
  void choose_donor();
  void align_vocabularies();

  void add_outer(std::string_view name, const Slice& slice);
  void add_layers();
  void add_layer(const Slice& slice, std::size_t offset, std::size_t output_layer);
  void add_others();
  void add_tensor(Place place);
  void add_copy(const std::string& output, std::size_t input, const TensorInfo* info);
  [[nodiscard]] std::set<std::string, std::less<>> outer_names(const Slice& slice) const;

  [[nodiscard]] ParameterValues resolve(ParameterScope scope, const Place& place,
                                        const SliceSource* source) const;
  void check_parameters(const TensorPlan& tensor) const;
  void finish_config(std::size_t num_layers);
  void choose_template();

  void add_warnings(const std::vector<std::string>& more) {
    plan_.warnings.insert(plan_.warnings.end(), more.begin(), more.end());
  }
  [[nodiscard]] bool is_base(std::size_t input) const { return base_ == input; }
  [[nodiscard]] bool has_origin() const { return vlm::has_origin(*plan_.method, base_); }

  const OpenModel& open_model_;
  MergePlan plan_;
  std::vector<InputTensors> tensors_;  // parallel to plan_.inputs
  std::optional<std::size_t> base_;
  std::vector<Slice> slices_;
  std::optional<std::size_t> tokenizer_owner_;  // the input whose tokenizer the result takes
};

MergePlan PlanMaker::make() {
  open_inputs();
  choose_donor();
  for (const Slice& slice : slices_) check_slice(plan_, slice, base_);
  align_vocabularies();
  add_warnings(compare_configs(plan_.inputs, plan_.donor));
  if (plan_.recipe.vocabulary == VocabularyPolicy::kCommonRows) {
    add_warnings(compare_token_tables(plan_.inputs, plan_.donor));
  }
  add_outer(kEmbedName, slices_.front());
  add_layers();
  for (const std::string& name : outer_names(slices_.back())) {
    if (name != kEmbedName) add_outer(name, slices_.back());
  }
  add_others();
  choose_template();
  return std::move(plan_);
}

std::size_t PlanMaker::input_of(const std::string& name) {
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    if (plan_.inputs[i].name == name) return i;
  }
  std::shared_ptr<const Checkpoint> checkpoint = open_model_(name);
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    if (is_same_model(*plan_.inputs[i].checkpoint, *checkpoint)) return i;
  }
  tensors_.emplace_back(*checkpoint);
  if (!tensors_.back().has_text()) {
    fail("model contributes no tensor: " + plan_.recipe.where + ": " + name);
  }
  plan_.inputs.push_back({name, std::move(checkpoint)});
  return plan_.inputs.size() - 1;
}

void PlanMaker::open_inputs() {
  for (const RecipeSlice& slice : plan_.recipe.slices) slices_.push_back(make_slice(slice));
  if (!plan_.recipe.base_model) {
    if (plan_.method->base != BaseRole::kRequired) return;
    fail("method needs a base_model: " + plan_.recipe.where + ": '" + plan_.method->name + "'");
  }
  base_ = input_of(*plan_.recipe.base_model);
  if (plan_.recipe.is_stack) return;
  // As in mergekit, a base_model that is not listed is one more input, without parameters.
  std::vector<SliceSource>& sources = slices_.front().sources;
  const bool is_listed =
      std::any_of(sources.begin(), sources.end(),
                  [&](const SliceSource& source) { return is_base(source.input); });
  if (!is_listed) {
    const std::size_t layers = plan_.inputs[*base_].checkpoint->config().num_layers();
    sources.push_back({*base_, {0, layers}, nullptr});
  }
}

Slice PlanMaker::make_slice(const RecipeSlice& slice) {
  Slice made;
  made.parameters = &slice.parameters;
  for (const RecipeSource& source : slice.sources) {
    const std::size_t input = input_of(source.model);
    const std::size_t layers = plan_.inputs[input].checkpoint->config().num_layers();
    if (source.layers && source.layers->end > layers) {
      fail("layer_range ends beyond the model: " + plan_.recipe.where + ": " + source.model +
           " has " + counted(layers, "layer") + ", range ends at " +
           std::to_string(source.layers->end));
    }
    made.sources.push_back(
        {input, source.layers.value_or(LayerRange{0, layers}), &source.parameters});
  }
  return made;
}

void PlanMaker::choose_donor() {
  if (plan_.recipe.vlm) {
    plan_.donor = input_of(*plan_.recipe.vlm);
    if (!plan_.inputs[plan_.donor].checkpoint->config().is_vlm()) {
      fail("'vlm' is not a vision-language model: " + plan_.recipe.where + ": " +
           *plan_.recipe.vlm);
    }
    return;
  }
  plan_.donor = base_.value_or(slices_.front().sources.front().input);
}

void PlanMaker::align_vocabularies() {
  if (!plan_.recipe.tokenizer) return;
  VocabularyRoles roles{.donor = plan_.donor, .base = base_, .of_embedding = {}, .of_head = {}};
  for (const SliceSource& source : slices_.front().sources) {
    roles.of_embedding.insert(source.input);
  }
  for (const SliceSource& source : slices_.back().sources) roles.of_head.insert(source.input);
  AlignedInputs aligned =
      vlm::align_vocabularies(*plan_.recipe.tokenizer, plan_.inputs, roles, plan_.recipe.where);
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    plan_.inputs[i].checkpoint = aligned.checkpoints[i];
    tensors_[i] = InputTensors(*plan_.inputs[i].checkpoint);
  }
  plan_.side_files = std::move(aligned.side_files);
  tokenizer_owner_ = aligned.vocabulary.owner;
  plan_.warnings = std::move(aligned.warnings);
}

void PlanMaker::add_outer(std::string_view name, const Slice& slice) {
  if (plan_.recipe.vocabulary == VocabularyPolicy::kBase &&
      (name == kEmbedName || name == kHeadName)) {
    const auto& donor = tensors_[plan_.donor];
    const bool is_tied_head = name == kHeadName && donor.ties_head();
    if (!is_tied_head) add_copy(std::string(name), plan_.donor, donor.find_outer(name));
    return;
  }
  Place place{std::string(name), {}, &slice, {}};
  for (const SliceSource& source : slice.sources) {
    place.tensors.push_back(tensors_[source.input].find_outer(name));
  }
  add_tensor(std::move(place));
}

// All names that a source has; a head that every source ties is not among them.
std::set<std::string, std::less<>> PlanMaker::outer_names(const Slice& slice) const {
  std::set<std::string, std::less<>> names;
  for (const SliceSource& source : slice.sources) {
    for (const TensorInfo* const info : tensors_[source.input].outer()) names.insert(info->name);
    if (!tensors_[source.input].ties_head()) names.emplace(kHeadName);
  }
  return names;
}

void PlanMaker::add_layers() {
  std::size_t output_layer = 0;
  for (const Slice& slice : slices_) {
    const std::size_t count = slice.sources.front().layers.count();
    for (std::size_t offset = 0; offset < count; ++offset) {
      add_layer(slice, offset, output_layer++);
    }
  }
  if (output_layer == 0)
    fail("the result has no layers: " + plan_.recipe.where + ": all slices empty");
  plan_.num_layers = output_layer;
  finish_config(output_layer);
}

void PlanMaker::add_layer(const Slice& slice, std::size_t offset, std::size_t output_layer) {
  std::vector<std::string> suffixes;
  for (const SliceSource& source : slice.sources) {
    for (const auto& [suffix, info] : tensors_[source.input].layer(source.layers.first + offset)) {
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
         std::to_string(slice.sources.front().layers.first + offset));
  }
  for (const std::string& suffix : suffixes) {
    Place place{layer_tensor_name(output_layer, suffix), {"", output_layer, position}, &slice, {}};
    for (const SliceSource& source : slice.sources) {
      place.tensors.push_back(
          find_tensor(tensors_[source.input].layer(source.layers.first + offset), suffix));
    }
    add_tensor(std::move(place));
  }
}

void PlanMaker::add_others() {
  for (const TensorInfo* const info : tensors_[plan_.donor].others()) {
    if (plan_.recipe.single_view && is_of_tiles(info->name)) continue;
    add_copy(info->name, plan_.donor, info);
  }
}

void PlanMaker::add_copy(const std::string& output, std::size_t input, const TensorInfo* info) {
  if (info == nullptr) {
    throw Error(ErrorCode::kCorruptFile,
                "model lacks a tensor: " + plan_.inputs[input].name + ": " + output);
  }
  TensorPlan tensor;
  tensor.is_copy = true;
  tensor.sources.push_back({input, info, {}});
  tensor.output = {output,
                   plan_.recipe.out_dtype.value_or(plan_.recipe.dtype.value_or(info->dtype)),
                   info->shape};
  tensor.merged_rows = info->shape.empty() ? 0 : info->shape.front();
  plan_.tensors.push_back(std::move(tensor));
}

void PlanMaker::add_tensor(Place place) {
  TensorPlan tensor;
  tensor.output.name = place.output;
  tensor.layer = place.where.layer;
  place.where.name = std::string_view(place.output).substr(kTextPrefix.size());
  for (std::size_t i = 0; i < place.tensors.size(); ++i) {
    const SliceSource& source = place.slice->sources[i];
    if (place.tensors[i] == nullptr) {
      throw Error(ErrorCode::kInvalidArgument,
                  "model lacks a tensor that others have: " + plan_.inputs[source.input].name +
                      ": " + place.output);
    }
    if (has_origin() && is_base(source.input)) {
      tensor.base = PlannedSource{source.input, place.tensors[i], {}};
      continue;
    }
    tensor.sources.push_back(
        {source.input, place.tensors[i], resolve(ParameterScope::kPerModel, place, &source)});
  }
  tensor.parameters = resolve(ParameterScope::kGlobal, place, nullptr);
  std::optional<PlannedSource> donated;
  if (const TensorInfo* const info = tensors_[plan_.donor].find_outer(place.output)) {
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

ParameterValues PlanMaker::resolve(ParameterScope scope, const Place& place,
                                   const SliceSource* source) const {
  std::string who = plan_.recipe.where + ": ";
  if (source != nullptr) who += plan_.inputs[source->input].name + ": ";
  if (source != nullptr && is_base(source->input)) {
    who += "(base_model is an input of method '" + plan_.method->name + "') ";
  }
  const ParameterSettings* const own = source == nullptr ? nullptr : source->parameters;
  return resolve_parameters(*plan_.method, scope,
                            {own, place.slice->parameters, &plan_.recipe.parameters}, place.where,
                            who);
}

void PlanMaker::check_parameters(const TensorPlan& tensor) const {
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

void PlanMaker::finish_config(std::size_t num_layers) {
  const Checkpoint& donor = *plan_.inputs[plan_.donor].checkpoint;
  ConfigChanges changes;
  if (num_layers != donor.config().num_layers()) changes.num_layers = num_layers;
  const TensorPlan& embed = plan_.tensors.front();
  const TensorInfo* const donated = tensors_[plan_.donor].find_outer(kEmbedName);
  if (donated == nullptr || donated->dtype != embed.output.dtype) {
    changes.dtype = embed.output.dtype;
  }
  const auto names = outer_names(slices_.back());
  changes.unties_head = tensors_[plan_.donor].ties_head() &&
                        plan_.recipe.vocabulary != VocabularyPolicy::kBase &&
                        names.contains(kHeadName);
  if (tokenizer_owner_) {
    changes.vocab_size = embed.output.shape.front();
    if (*tokenizer_owner_ != plan_.donor) {
      changes.token_ids = token_ids_of(plan_.inputs[*tokenizer_owner_].checkpoint->config());
    }
  }
  plan_.config = change_config(donor.config(), changes);
  if (plan_.recipe.single_view) plan_.config = single_view_config(std::move(plan_.config));
}

void PlanMaker::choose_template() {
  if (!plan_.recipe.chat_template) return;
  std::vector<std::filesystem::path> models;
  for (const PlanInput& input : plan_.inputs) models.push_back(input.checkpoint->directory());
  const auto text = choose_chat_template(*plan_.recipe.chat_template, models);
  if (!text) {
    plan_.warnings.emplace_back("chat_template: auto: no model has a chat template");
    return;
  }
  set_chat_template(*text, models[plan_.donor], plan_.side_files);
}

}  // namespace

MergePlan make_merge_plan(const Recipe& recipe, const OpenModel& open_model) {
  return PlanMaker(recipe, open_model).make();
}

}  // namespace vlm
