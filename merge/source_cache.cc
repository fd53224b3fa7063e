#include "merge/source_cache.h"

#include <utility>

namespace vlm {

void SourceCache::keep_open(std::shared_ptr<const Checkpoint> checkpoint) {
  const std::lock_guard lock(mutex_);
  checkpoints_.insert(std::move(checkpoint));
}

bool SourceCache::reserve(std::size_t bytes) {
  if (bytes > max_bytes_ - size_bytes_) return false;
  size_bytes_ += bytes;
  return true;
}

std::shared_ptr<const FloatTensor> SourceCache::values(const TensorInfo& info,
                                                       std::optional<DType> rounding,
                                                       const std::function<FloatTensor()>& load) {
  const ValuesKey key{&info, rounding ? static_cast<int>(*rounding) : -1};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = values_.find(key); found != values_.end()) return found->second;
  }
  auto loaded = std::make_shared<const FloatTensor>(load());
  const std::lock_guard lock(mutex_);
  if (const auto found = values_.find(key); found != values_.end()) return found->second;
  if (reserve(loaded->size() * sizeof(float))) values_.emplace(key, loaded);
  return loaded;
}

std::shared_ptr<const Words> SourceCache::words(const std::string& key, std::size_t count,
                                                const std::function<Words()>& make) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = words_.find(key); found != words_.end()) return found->second;
    if (!reserve(count * sizeof(std::uint32_t))) return nullptr;
  }
  auto made = std::make_shared<const Words>(make());
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = words_.emplace(key, std::move(made));
  if (!is_new) size_bytes_ -= count * sizeof(std::uint32_t);
  return place->second;
}

std::size_t SourceCache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return size_bytes_;
}

}  // namespace vlm
