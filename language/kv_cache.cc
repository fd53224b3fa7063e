#include "language/kv_cache.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {
namespace {

std::size_t pages_of(std::size_t tokens) noexcept {
  return (tokens + KvCache::kPageTokens - 1) / KvCache::kPageTokens;
}

}  // namespace

KvCache::Page::Page(std::size_t num_hops, std::size_t width)
    : keys(Matrix<float>::for_overwrite(num_hops * kPageTokens, width)),
      values(Matrix<float>::for_overwrite(num_hops * kPageTokens, width)) {}

KvCache::KvCache(std::size_t num_hops, std::size_t width) : num_hops_(num_hops), width_(width) {
  check(width > 0, "KvCache: width > 0");
}

std::size_t KvCache::bytes_for(std::size_t num_hops, std::size_t width,
                               std::size_t tokens) noexcept {
  return pages_of(tokens) * num_hops * 2 * kPageTokens * width * sizeof(float);
}

std::size_t KvCache::num_bytes() const noexcept {
  return bytes_for(num_hops_, width_, pages_.size() * kPageTokens);
}

KvCache KvCache::prefix(std::size_t count) const {
  check(count <= num_tokens_, "KvCache::prefix: tokens that are held");
  KvCache result(num_hops_, width_);
  const auto end = pages_.begin() + static_cast<std::ptrdiff_t>(pages_of(count));
  result.pages_.assign(pages_.begin(), end);
  result.num_tokens_ = count;
  return result;
}

void KvCache::copy_rows(const Page& from, std::size_t count, Page& to) const {
  for (std::size_t hop = 0; hop < num_hops_; ++hop) {
    const std::size_t first = hop * kPageTokens * width_;
    const auto copy = [&](const Matrix<float>& source, Matrix<float>& target) {
      std::ranges::copy(source.values().subspan(first, count * width_),
                        target.values().subspan(first).begin());
    };
    copy(from.keys, to.keys);
    copy(from.values, to.values);
  }
}

void KvCache::reserve(std::size_t count) {
  const std::size_t used = num_tokens_ % kPageTokens;
  if (count > 0 && used > 0 && pages_[num_tokens_ / kPageTokens].use_count() > 1) {
    std::shared_ptr<Page>& page = pages_[num_tokens_ / kPageTokens];
    auto own = std::make_shared<Page>(num_hops_, width_);
    copy_rows(*page, used, *own);
    page = std::move(own);
  }
  while (pages_.size() < pages_of(num_tokens_ + count)) {
    pages_.push_back(std::make_shared<Page>(num_hops_, width_));
  }
}

std::span<float> KvCache::next_key(std::size_t hop, std::size_t i) {
  const std::size_t token = num_tokens_ + i;
  return pages_[token / kPageTokens]->keys.row(hop * kPageTokens + token % kPageTokens);
}

std::span<float> KvCache::next_value(std::size_t hop, std::size_t i) {
  const std::size_t token = num_tokens_ + i;
  return pages_[token / kPageTokens]->values.row(hop * kPageTokens + token % kPageTokens);
}

void KvCache::commit(std::size_t count) {
  check(pages_of(num_tokens_ + count) <= pages_.size(), "KvCache::commit: reserved rows");
  num_tokens_ += count;
}

std::vector<KeyValueBlock> KvCache::blocks(std::size_t hop, std::size_t tokens, std::size_t first,
                                           std::size_t count) const {
  std::vector<KeyValueBlock> blocks;
  blocks.reserve(pages_of(tokens));
  for (std::size_t done = 0; done < tokens; done += kPageTokens) {
    const std::size_t rows = std::min(kPageTokens, tokens - done);
    const auto part = [&](const Matrix<float>& matrix) {
      return matrix.view().rows(hop * kPageTokens, rows).columns(first, count);
    };
    const Page& page = *pages_[done / kPageTokens];
    blocks.push_back({part(page.keys), part(page.values)});
  }
  return blocks;
}

}  // namespace vlm
