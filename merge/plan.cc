#include "merge/plan.h"

#include <algorithm>
#include <functional>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/original_llava.h"
#include "core/error.h"
#include "merge/chat_templates.h"
#include "merge/component_plan.h"
#include "merge/filter_uses.h"
#include "merge/input_checks.h"
#include "merge/merged_config.h"
#include "merge/model_pool.h"
#include "merge/path_slices.h"
#include "merge/plan_slices.h"
#include "merge/refusal.h"
#include "merge/single_view.h"
#include "merge/vocabulary_alignment.h"

namespace vlm {
namespace {

std::string counted(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

class PlanMaker {
 public:
  PlanMaker(const Recipe& recipe, const OpenModel& open_model, TokenComparisons& comparisons,
            VocabularyAlignments& alignments)
      : open_model_(open_model), comparisons_(comparisons), alignments_(alignments) {
    plan_.recipe = recipe;
    plan_.warnings = recipe.warnings;
    plan_.method = &find_merge_method(recipe.merge_method, recipe.where);
  }

  MergePlan make();

 private:
  std::size_t input_of(const std::string& name);
  void open_inputs();
  void open_path();
  [[nodiscard]] ComponentSlices make_component(const RecipeComponent& component);
  [[nodiscard]] Slice make_slice(Component component, const RecipeSlice& slice);
  void add_unlisted_base(const RecipeComponent& component, ComponentSlices& slices) const;
  void choose_donor();
  void add_donors_components();
  void check_slices();
  void align_vocabularies();
  void compare_inputs();
  void finish_config();
  void choose_tower(ConfigChanges& changes) const;
  void choose_template();

  [[nodiscard]] std::size_t num_layers(Component component, std::size_t input) const;
  [[nodiscard]] bool has_component(Component component, std::size_t input) const;
  void require_component(Component component, std::size_t input) const;
  [[nodiscard]] const ComponentSlices& text() const { return components_.front(); }
  void add_warnings(const std::vector<std::string>& more) {
    plan_.warnings.insert(plan_.warnings.end(), more.begin(), more.end());
  }

  const OpenModel& open_model_;
  TokenComparisons& comparisons_;
  VocabularyAlignments& alignments_;
  MergePlan plan_;
  std::vector<InputTensors> inputs_;            // parallel to plan_.inputs
  std::optional<std::size_t> base_;             // the recipe's base_model
  std::vector<ComponentSlices> components_;     // the text first
  std::optional<PathSlices> path_;              // of a data-flow recipe
  std::optional<std::size_t> tokenizer_owner_;  // the input whose tokenizer the result takes
};

MergePlan PlanMaker::make() {
  open_inputs();
  choose_donor();
  if (path_) components_ = {path_->text(plan_.donor)};
  add_donors_components();
  check_slices();
  align_vocabularies();
  compare_inputs();
  FilterUses filters;
  for (const ComponentSlices& component : components_) {
    add_component(component, inputs_, plan_, filters);
  }
  add_warnings(filters.warnings());
  finish_config();
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
  inputs_.emplace_back(*checkpoint);
  plan_.inputs.push_back({name, std::move(checkpoint)});
  return plan_.inputs.size() - 1;
}

// The slices follow when the donor is known.
void PlanMaker::open_path() {
  std::vector<PathHop> hops;
  const RecipePath& path = *plan_.recipe.path;
  const std::vector<RecipeSlice>& slices = plan_.recipe.components.front().slices;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const Slice slice = make_slice(Component::kText, slices[i]);
    const SliceSource& source = slice.sources.front();
    if (slices[i].sources.front().layers) {
      hops.push_back({source.input, source.layers.first, path.scales[i]});
      continue;
    }
    const auto all =
        hops_of_model(plan_.inputs[source.input], source.input, path.scales[i], path.scaling);
    hops.insert(hops.end(), all.begin(), all.end());
  }
  path_.emplace(plan_.recipe, std::move(hops));
}

void PlanMaker::open_inputs() {
  if (plan_.recipe.adapter_rank) {
    refuse("a recipe with 'adapter_rank' is of adapters alone and makes no model: " +
           plan_.recipe.where);
  }
  if (plan_.recipe.path) open_path();
  for (const RecipeComponent& component : plan_.recipe.components) {
    components_.push_back(make_component(component));
  }
  if (!plan_.recipe.base_model) return;
  base_ = input_of(*plan_.recipe.base_model);
  for (std::size_t i = 0; i < components_.size(); ++i) {
    for (Slice& slice : components_[i].slices) slice.base = slice.base ? slice.base : base_;
    add_unlisted_base(plan_.recipe.components[i], components_[i]);
  }
}

// As in mergekit, a base_model that is not listed is one more input, without parameters.
void PlanMaker::add_unlisted_base(const RecipeComponent& component, ComponentSlices& slices) const {
  if (component.is_stack || slices.inputs().contains(*base_)) return;
  require_component(slices.component, *base_);
  const std::size_t layers = num_layers(slices.component, *base_);
  slices.slices.front().sources.push_back({*base_, {0, layers}, nullptr});
}

ComponentSlices PlanMaker::make_component(const RecipeComponent& component) {
  ComponentSlices made{component.component, {}, &component.parameters};
  for (const RecipeSlice& slice : component.slices) {
    made.slices.push_back(make_slice(component.component, slice));
  }
  return made;
}

Slice PlanMaker::make_slice(Component component, const RecipeSlice& slice) {
  Slice made;
  made.parameters = &slice.parameters;
  if (slice.base_model) made.base = input_of(*slice.base_model);
  for (const RecipeSource& source : slice.sources) {
    const std::size_t input = input_of(source.model);
    require_component(component, input);
    const std::size_t layers = num_layers(component, input);
    if (source.layers && source.layers->end > layers) {
      if (plan_.recipe.path) {
        refuse("path leads to a layer that is not there: " + plan_.recipe.where + ": " +
               source.model + " has " + counted(layers, "layer") +
               ", layer: " + std::to_string(source.layers->first));
      }
      refuse("layers end beyond the model: " + plan_.recipe.where + ": " + source.model + " has " +
             counted(layers, "layer") + ", range ends at " + std::to_string(source.layers->end));
    }
    made.sources.push_back(
        {input, source.layers.value_or(LayerRange{0, layers}), &source.parameters});
  }
  return made;
}

std::size_t PlanMaker::num_layers(Component component, std::size_t input) const {
  if (component == Component::kText) return plan_.inputs[input].checkpoint->config().num_layers();
  return inputs_[input].of(component).num_layers();
}

bool PlanMaker::has_component(Component component, std::size_t input) const {
  const bool is_of_vlm =
      component == Component::kText || plan_.inputs[input].checkpoint->config().is_vlm();
  return is_of_vlm && !inputs_[input].of(component).all().empty();
}

void PlanMaker::require_component(Component component, std::size_t input) const {
  if (has_component(component, input)) return;
  const bool lacks_vlm = component != Component::kText && !plan_.recipe.vlm;
  refuse("model contributes no tensor: " + plan_.recipe.where + ": " + plan_.inputs[input].name +
         " has no " + std::string(description_of(component)) +
         (lacks_vlm ? " ('vlm' names the model that the result is)" : ""));
}

void PlanMaker::choose_donor() {
  if (plan_.recipe.vlm) {
    plan_.donor = input_of(*plan_.recipe.vlm);
    if (!plan_.inputs[plan_.donor].checkpoint->config().is_vlm()) {
      refuse("'vlm' is not a vision-language model: " + plan_.recipe.where + ": " +
             *plan_.recipe.vlm);
    }
    return;
  }
  const Slice& first = components_.front().slices.front();
  plan_.donor = base_.value_or(first.sources.front().input);
}

// A component that the recipe does not name is the donor's; one that it names the donor has, too.
void PlanMaker::add_donors_components() {
  std::vector<ComponentSlices> all;
  for (const Component component : kComponents) {
    const auto named =
        std::find_if(components_.begin(), components_.end(),
                     [&](const ComponentSlices& slices) { return slices.component == component; });
    if (named != components_.end() || component == Component::kText) {
      require_component(component, plan_.donor);
    }
    if (named != components_.end()) {
      all.push_back(std::move(*named));
      continue;
    }
    const LayerRange layers{0, num_layers(component, plan_.donor)};
    all.push_back(
        {component, {{{{plan_.donor, layers, nullptr}}, nullptr, base_, true}}, nullptr, true});
  }
  components_ = std::move(all);
}

// A slice of the base alone is the base's, as in mergekit. Where a recipe has nothing else that is
// a mistake, but for methods that add any number of deltas: so adapters are baked into a model.
void PlanMaker::check_slices() {
  bool merges = false;
  const Slice* copied = nullptr;
  for (ComponentSlices& component : components_) {
    for (Slice& slice : component.slices) {
      if (component.is_donors) continue;
      slice.is_copy = has_origin(*plan_.method, slice.base) && slice.base &&
                      slice.sources.size() == 1 && slice.sources.front().input == *slice.base;
      if (slice.is_copy) {
        copied = &slice;
        continue;
      }
      check_slice(plan_, slice);
      merges = true;
    }
  }
  if (!merges) {
    const bool adds_deltas = plan_.method->min_models == 1 && plan_.method->max_models > 1;
    if (!adds_deltas) check_slice(plan_, *copied);
    plan_.warnings.push_back(
        "nothing is merged, base_model is the only source: " + plan_.recipe.where + ": " +
        plan_.inputs[copied->sources.front().input].name);
  }
  if (text().num_layers() == 0) {
    refuse("the result has no layers: " + plan_.recipe.where + ": all slices empty");
  }
  const ComponentSlices& vision = components_[static_cast<std::size_t>(Component::kVision)];
  const std::size_t wanted = num_layers(Component::kVision, plan_.donor);
  if (vision.num_layers() == wanted) return;
  throw Error(ErrorCode::kUnsupported,
              "a vision tower keeps its number of layers: " + plan_.recipe.where + ": " +
                  std::to_string(vision.num_layers()) + " instead of " + std::to_string(wanted));
}

void PlanMaker::align_vocabularies() {
  if (!plan_.recipe.tokenizer) return;
  VocabularyRoles roles{.donor = plan_.donor, .base = base_, .of_embedding = {}, .of_head = {}};
  for (const SliceSource& source : text().slices.front().sources) {
    roles.of_embedding.insert(source.input);
  }
  for (const SliceSource& source : text().slices.back().sources) {
    roles.of_head.insert(source.input);
  }
  const AlignedInputs& aligned =
      alignments_.align(*plan_.recipe.tokenizer, plan_.inputs, roles, plan_.recipe.where);
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    plan_.inputs[i].checkpoint = aligned.checkpoints[i];
    inputs_[i] = InputTensors(*plan_.inputs[i].checkpoint);
  }
  plan_.side_files = aligned.side_files;
  tokenizer_owner_ = aligned.vocabulary.owner;
  add_warnings(aligned.warnings);
}

void PlanMaker::compare_inputs() {
  if (!path_) {
    for (const PlanInput& input : plan_.inputs) refuse_layer_path(input.name, *input.checkpoint);
  }
  for (const ComponentSlices& component : components_) {
    if (component.is_donors && component.component != Component::kText) continue;
    add_warnings(
        compare_configs(component.component, plan_.inputs, component.inputs(), plan_.donor));
  }
  if (path_) add_warnings(path_->warnings());
  if (plan_.recipe.tokenizer) return;  // rows are matched by token
  add_warnings(compare_token_tables(plan_.inputs, text().inputs(), plan_.donor,
                                    plan_.recipe.vocabulary == VocabularyPolicy::kCommonRows,
                                    comparisons_));
}

void PlanMaker::finish_config() {
  const auto& donor = inputs_[plan_.donor];
  const ModelConfig& config = plan_.inputs[plan_.donor].checkpoint->config();
  const auto embed =
      std::find_if(plan_.tensors.begin(), plan_.tensors.end(),
                   [](const TensorPlan& tensor) { return tensor.output.name == kEmbedName; });
  if (embed == plan_.tensors.end()) {
    throw Error(ErrorCode::kCorruptFile,
                "no model has a tensor: " + plan_.recipe.where + ": " + std::string(kEmbedName));
  }
  ConfigChanges changes;
  if (text().num_layers() != config.num_layers()) changes.num_layers = text().num_layers();
  const TensorInfo* const donated = donor.find_outer(kEmbedName);
  if (donated == nullptr || donated->dtype != embed->output.dtype) {
    changes.dtype = embed->output.dtype;
  }
  const auto names = outer_names(inputs_, Component::kText, text().slices.back());
  changes.unties_head = donor.ties_head() && plan_.recipe.vocabulary != VocabularyPolicy::kBase &&
                        names.contains(kHeadName);
  if (tokenizer_owner_) {
    changes.vocab_size = embed->output.shape.front();
    if (*tokenizer_owner_ != plan_.donor) {
      changes.token_ids = token_ids_of(plan_.inputs[*tokenizer_owner_].checkpoint->config());
    }
  }
  if (config.is_original_llava()) choose_tower(changes);
  plan_.config = change_config(config, changes);
  if (path_) plan_.config = path_->result_config(std::move(plan_.config));
  if (plan_.recipe.single_view) plan_.config = single_view_config(std::move(plan_.config));
}

// The result is elsewhere, and one whose tower was merged has it among its tensors.
void PlanMaker::choose_tower(ConfigChanges& changes) const {
  const Checkpoint& donor = *plan_.inputs[plan_.donor].checkpoint;
  const ModelConfig& config = donor.config();
  if (names_tower_directory({config.original, config.where}, donor.directory())) {
    changes.tower_name =
        std::filesystem::absolute(config.tower_directory).lexically_normal().string();
  }
  changes.owns_tower =
      config.borrows_tower && !components_[static_cast<std::size_t>(Component::kVision)].is_donors;
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
  TokenComparisons comparisons;
  VocabularyAlignments alignments;
  return PlanMaker(recipe, open_model, comparisons, alignments).make();
}

MergePlan make_merge_plan(const Recipe& recipe, ModelPool& models) {
  const OpenModel open_model = std::ref(models);
  return PlanMaker(recipe, open_model, models.token_comparisons(), models.vocabulary_alignments())
      .make();
}

}  // namespace vlm
