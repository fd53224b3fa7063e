#include "merge/model_pool.h"

#include "checkpoint/adapted_checkpoint.h"
#include "checkpoint/model_location.h"
#include "core/error.h"

namespace vlm {

std::shared_ptr<const Checkpoint> ModelPool::operator()(const std::string& model) {
  if (const auto found = open_models_.find(model); found != open_models_.end()) {
    return found->second;
  }
  std::shared_ptr<const Checkpoint> opened = open_named(model);
  open_models_.emplace(model, opened);
  return opened;
}

std::string ModelPool::located(const std::string& name) const {
  const std::filesystem::path beside_recipe = recipe_folder_ / name;
  const bool is_beside_recipe =
      !std::filesystem::exists(name) && std::filesystem::is_directory(beside_recipe);
  return is_beside_recipe ? beside_recipe.string() : name;
}

std::shared_ptr<const Checkpoint> ModelPool::open_named(const std::string& model) {
  if (find_document_) {
    if (auto document = find_document_(model)) return document;
  }
  const std::string location = located(model);
  const std::size_t plus = model.find('+');
  if (plus == std::string::npos || std::filesystem::is_directory(location)) return open_(location);
  if (model.find('+', plus + 1) != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument, "a model takes one adapter: " + model);
  }
  auto adapter = open_adapter(model.substr(plus + 1));
  return std::make_shared<const AdaptedCheckpoint>((*this)(model.substr(0, plus)),
                                                   std::move(adapter));
}

std::shared_ptr<const LoraAdapter> ModelPool::open_adapter(const std::string& adapter) const {
  return std::make_shared<const LoraAdapter>(resolve_adapter_directory(located(adapter)));
}

bool ModelPool::is_adapter(const std::string& name) const {
  return names_adapter(located(name));
}

}  // namespace vlm
