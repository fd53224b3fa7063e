#include "search/search_context.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/error.h"
#include "eval/model_answers.h"
#include "language/decoder_config.h"
#include "merge/plan.h"
#include "merge/recipe_parser.h"
#include "search/model_hash.h"
#include "search/model_source.h"
#include "search/optimizer_choice.h"
#include "search/search_checks.h"

namespace vlm {
namespace {

std::string yaml_of(const YAML::Node& node) {
  YAML::Emitter out;
  out << node;
  return out.c_str();
}

// Every candidate would fail.
void require_no_pictures(const std::vector<ObjectiveData>& objectives, const std::string& where) {
  for (const ObjectiveData& data : objectives) {
    if (!data.task.prompt.needs_image) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "a text model cannot answer questions about pictures: " + where + ": " +
                    data.objective.benchmark + " (a recipe for pictures names a 'vlm')");
  }
}

}  // namespace

SearchContext::SearchContext(const SearchConfig& config, const std::filesystem::path& data_root,
                             std::size_t workers, ThreadPool& pool)
    : where_(config.where),
      seed_(config.optimizer.seed),
      models_(make_model_pool(config.folder)),
      plan_(plan_search(config, models_)),
      memory_(share_search_memory(config, plan_, pool.num_threads(), workers)),
      cache_(std::make_shared<SourceCache>(memory_.source_bytes)),
      objectives_(load_objectives(config.objectives, config.holdout, seed_, data_root)),
      identifier_(language_model_path(data_root)),
      scorer_(identifier_),
      initial_(merge_of(plan_.first_recipe)) {
  require_sound_end(config, models_, data_root, pool.num_threads());
  shared_.tokenizer = load_tokenizer(*initial_);
  if (initial_->config().is_vlm()) {
    geometry_.emplace(*initial_);
  } else {
    require_no_pictures(objectives_, where_);
  }
  if (config.memory_bytes) {
    memory_ = share_search_memory(config, plan_, pool.num_threads(), workers, least_cache_bytes());
    cache_ = std::make_shared<SourceCache>(memory_.source_bytes);  // which is less now
    initial_ = merge_of(plan_.first_recipe);
  }
  if (geometry_) load_shared_eyes(config.weights, pool);
  identify(config, workers, pool);
}

void SearchContext::load_shared_eyes(WeightFormat weights, ThreadPool& pool) {
  switch (plan_.feature_changes) {
    case FeatureChanges::kNone:
      shared_.vision = std::make_shared<const VisionTower>(*initial_, pool, weights);
      images_ = std::make_unique<ImageFeatureCache>(shared_.vision, ImagePolicy::kPillow,
                                                    memory_.shares.picture_bytes);
      break;
    case FeatureChanges::kProjector:
      encoder_ = std::make_shared<const VisionStorage>(
          VisionStorage::load(*initial_, pool, vision_weight_format(weights)));
      seen_pictures_ = std::make_unique<SeenPictureCache>(memory_.seen_bytes);
      break;
    case FeatureChanges::kTower:
      break;
  }
}

std::size_t SearchContext::least_cache_bytes() const {
  const DecoderConfig decoder = parse_decoder_config(initial_->config().text());
  const std::size_t picture_rows = geometry_ ? geometry_->max_rows() : 0;
  std::size_t least = 0;
  for (const ObjectiveData& data : objectives_) {
    for (const Benchmark* part : {&data.fitted, &data.held_out}) {
      const std::vector<EvalPrompt> prompts = build_prompts(data.task, part->items);
      least = std::max(least, vlm::least_cache_bytes(decoder, *shared_.tokenizer, picture_rows,
                                                     prompts, data.task.options));
    }
  }
  return least;
}

void SearchContext::identify(const SearchConfig& config, std::size_t workers, ThreadPool& pool) {
  const OptimizerSettings& optimizer = config.optimizer;
  identity_["seed"] = std::to_string(optimizer.seed);
  identity_["optimizer"] = describe(optimizer);
  identity_["weights"] = weight_format_name(config.weights);
  // How many questions are answered together changes last bits of what is not float32 (ADR 8).
  if (config.memory_bytes && config.weights != WeightFormat::kFloat32) {
    identity_["memory"] =
        std::to_string(*config.memory_bytes) + " bytes for " + std::to_string(workers) + " workers";
  }
  identity_["recipe"] = yaml_of(config.recipe);
  for (const ObjectiveData& data : objectives_) {
    const std::string name = data.objective.benchmark + " " + data.objective.metric;
    identity_["weight of " + name] = std::to_string(data.objective.weight);
    identity_["data of " + name] = data.fitted.data_hash;
    if (!data.held_out.items.empty()) {
      identity_["data held out of " + name] = data.held_out.data_hash;
    }
  }
  for (const PlanInput& input : initial_->plan().inputs) {
    identity_["model " + input.name] = hash_model(*input.checkpoint, pool);
  }
}

std::string SearchContext::recipe_of(const std::map<std::string, double>& parameters) const {
  return vlm::recipe_of(plan_.recipe, parameters, where_);
}

std::shared_ptr<const MergedCheckpoint> SearchContext::merge_of(const std::string& recipe_text) {
  const std::lock_guard lock(mutex_);
  MergePlan plan = make_merge_plan(parse_recipe(recipe_text, where_), models_);
  return std::make_shared<const MergedCheckpoint>(std::move(plan), MergeOptions{seed_, cache_});
}

}  // namespace vlm
