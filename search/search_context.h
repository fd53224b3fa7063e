#pragma once

// What the parts of a search share: open models, the recipe with its genes, the questions, the
// scorer, and what identifies the study.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "eval/language_identification.h"
#include "eval/metrics.h"
#include "merge/merged_checkpoint.h"
#include "merge/model_pool.h"
#include "model/image_features.h"
#include "model/model.h"
#include "model/picture_geometry.h"
#include "model/seen_pictures.h"
#include "model/vision_storage.h"
#include "search/objective_data.h"
#include "search/search_config.h"
#include "search/search_memory.h"
#include "search/search_plan.h"
#include "search/study_records.h"

namespace vlm {

class SearchContext {
 public:
  // Plans the search, loads data and what all candidates share. Throws what these throw, and
  // share_search_memory().
  SearchContext(const SearchConfig& config, const std::filesystem::path& data_root,
                std::size_t workers, ThreadPool& pool);

  [[nodiscard]] const SearchSpace& space() const noexcept { return plan_.space; }
  [[nodiscard]] const std::vector<ObjectiveData>& objectives() const noexcept {
    return objectives_;
  }
  [[nodiscard]] const MetricScorer& scorer() const noexcept { return scorer_; }
  [[nodiscard]] const SharedModelParts& shared_parts() const noexcept { return shared_; }
  [[nodiscard]] FeatureChanges feature_changes() const noexcept { return plan_.feature_changes; }
  // Null for a text model, and if candidates differ in features, as the tower of shared_parts().
  [[nodiscard]] ImageFeatureCache* images() noexcept { return images_.get(); }
  // Null unless candidates differ in their projectors alone: the tower before them, and what it
  // saw.
  [[nodiscard]] std::shared_ptr<const VisionStorage> shared_encoder() const { return encoder_; }
  [[nodiscard]] SeenPictureCache* seen_pictures() noexcept { return seen_pictures_.get(); }
  [[nodiscard]] const SearchMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] const StudyIdentity& identity() const noexcept { return identity_; }
  [[nodiscard]] const MergedCheckpoint& initial_merge() const noexcept { return *initial_; }

  // The recipe of a trial's parameters, by gene name.
  [[nodiscard]] std::string recipe_of(const std::map<std::string, double>& parameters) const;
  // Plans a recipe's merge; sources are shared between all merges. Thread-safe.
  [[nodiscard]] std::shared_ptr<const MergedCheckpoint> merge_of(const std::string& recipe_text);

 private:
  void identify(const SearchConfig& config, std::size_t workers, ThreadPool& pool);
  // Of all that sees, what candidates have in common.
  void load_shared_eyes(WeightFormat weights, ThreadPool& pool);
  // Of an answer to any of the objectives' questions, as BatchOptions::cache_bytes.
  [[nodiscard]] std::size_t least_cache_bytes() const;

  std::string where_;
  std::uint64_t seed_;
  std::mutex mutex_;
  ModelPool models_;
  SearchPlan plan_;
  SearchMemory memory_;
  std::shared_ptr<SourceCache> cache_;
  std::vector<ObjectiveData> objectives_;
  LanguageIdentifier identifier_;
  MetricScorer scorer_;
  std::shared_ptr<const MergedCheckpoint> initial_;
  SharedModelParts shared_;
  std::optional<PictureGeometry> geometry_;  // of a vision-language model
  std::unique_ptr<ImageFeatureCache> images_;
  std::shared_ptr<const VisionStorage> encoder_;
  std::unique_ptr<SeenPictureCache> seen_pictures_;
  StudyIdentity identity_;
};

}  // namespace vlm
