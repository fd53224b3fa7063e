#pragma once

// What one vision encoder saw of picture files, for projectors that differ: the candidates of a
// search whose genes reach the projector alone.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "model/vision_tower.h"

namespace vlm {

// Thread-safe.
class SeenPictureCache {
 public:
  // The first pictures that have room in `held_bytes` are kept.
  explicit SeenPictureCache(std::size_t held_bytes) : free_bytes_(held_bytes) {}

  // Null if the picture is not kept.
  [[nodiscard]] std::shared_ptr<const SeenPicture> find(const std::filesystem::path& file) const;
  void offer(const std::filesystem::path& file, const std::shared_ptr<const SeenPicture>& picture);

 private:
  mutable std::mutex mutex_;
  std::size_t free_bytes_;
  std::map<std::filesystem::path, std::shared_ptr<const SeenPicture>> pictures_;
};

}  // namespace vlm
