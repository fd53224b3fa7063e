#include "model/seen_pictures.h"

namespace vlm {

std::shared_ptr<const SeenPicture> SeenPictureCache::find(const std::filesystem::path& file) const {
  const std::lock_guard lock(mutex_);
  const auto found = pictures_.find(file);
  return found == pictures_.end() ? nullptr : found->second;
}

void SeenPictureCache::offer(const std::filesystem::path& file,
                             const std::shared_ptr<const SeenPicture>& picture) {
  const std::lock_guard lock(mutex_);
  if (picture->size_bytes() > free_bytes_) return;
  if (pictures_.emplace(file, picture).second) free_bytes_ -= picture->size_bytes();
}

}  // namespace vlm
