#include "merge/model_pool.h"

namespace vlm {

std::shared_ptr<const Checkpoint> ModelPool::operator()(const std::string& model) {
  if (const auto found = open_models_.find(model); found != open_models_.end()) {
    return found->second;
  }
  const std::filesystem::path beside_recipe = recipe_folder_ / model;
  const bool is_beside_recipe =
      !std::filesystem::exists(model) && std::filesystem::is_directory(beside_recipe);
  std::shared_ptr<const Checkpoint> opened =
      open_(is_beside_recipe ? beside_recipe.string() : model);
  open_models_.emplace(model, opened);
  return opened;
}

}  // namespace vlm
