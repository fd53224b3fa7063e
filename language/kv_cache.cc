#include "language/kv_cache.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {
namespace {

constexpr std::size_t kBlockTokens = 64;

Matrix<float> grown(Matrix<float>& rows, std::size_t used_rows, std::size_t capacity,
                    std::size_t width) {
  Matrix<float> larger(capacity, width);
  std::copy_n(rows.values().begin(), used_rows * width, larger.values().begin());
  return larger;
}

}  // namespace

KvCache::KvCache(std::size_t num_hops, std::size_t width) : hops_(num_hops), width_(width) {
  check(width > 0, "KvCache: width > 0");
}

std::size_t KvCache::bytes_for(std::size_t num_hops, std::size_t width,
                               std::size_t tokens) noexcept {
  const std::size_t capacity = tokens + tokens / 2 + kBlockTokens;
  return num_hops * 2 * capacity * width * sizeof(float);
}

std::size_t KvCache::num_bytes() const noexcept {
  return hops_.size() * 2 * capacity_ * width_ * sizeof(float);
}

void KvCache::reserve(std::size_t count) {
  const std::size_t wanted = num_tokens_ + count;
  if (wanted <= capacity_) return;
  const std::size_t enough = std::max(wanted, capacity_ + capacity_ / 2);
  capacity_ = (enough + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
  for (Hop& hop : hops_) {
    hop.keys = grown(hop.keys, num_tokens_, capacity_, width_);
    hop.values = grown(hop.values, num_tokens_, capacity_, width_);
  }
}

MatrixView<float> KvCache::next_keys(std::size_t hop, std::size_t count) {
  return hops_[hop].keys.view().rows(num_tokens_, count);
}

MatrixView<float> KvCache::next_values(std::size_t hop, std::size_t count) {
  return hops_[hop].values.view().rows(num_tokens_, count);
}

MatrixView<const float> KvCache::keys(std::size_t hop, std::size_t count) const {
  return hops_[hop].keys.view().rows(0, count);
}

MatrixView<const float> KvCache::values(std::size_t hop, std::size_t count) const {
  return hops_[hop].values.view().rows(0, count);
}

void KvCache::commit(std::size_t count) {
  check(count <= capacity_ - num_tokens_, "KvCache::commit: reserved rows");
  num_tokens_ += count;
}

// The first rows of other's hops, not yet committed.
void KvCache::copy_rows(const KvCache& other, std::size_t count) {
  reserve(count);
  const std::size_t floats = count * width_;
  for (std::size_t i = 0; i < other.hops_.size(); ++i) {
    std::copy_n(other.hops_[i].keys.values().begin(), floats, hops_[i].keys.values().begin());
    std::copy_n(other.hops_[i].values.values().begin(), floats, hops_[i].values.values().begin());
  }
}

void KvCache::begin_with(const KvCache& prefix) {
  check(num_tokens_ == 0 && prefix.hops_.size() <= hops_.size() && prefix.width_ == width_,
        "KvCache::begin_with: an empty cache of these hops and more");
  copy_rows(prefix, prefix.num_tokens_);
}

void KvCache::assign(const KvCache& other, std::size_t count) {
  check(hops_.size() == other.hops_.size() && width_ == other.width_, "KvCache::assign: shapes");
  check(count <= other.num_tokens_, "KvCache::assign: tokens that are held");
  num_tokens_ = 0;
  copy_rows(other, count);
  num_tokens_ = count;
}

}  // namespace vlm
