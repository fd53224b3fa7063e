#include "merge/part_reader.h"

#include <algorithm>

#include "core/check.h"

namespace vlm {

PartReader::PartReader(const Checkpoint& checkpoint, const TensorInfo& info, ThreadPool& pool)
    : elements_(element_count(info.shape).value_or(0)) {
  const TensorInfo* const tensor = &info;
  reader_ = checkpoint.open_tensors({&tensor, 1}, pool);
}

void PartReader::read(std::size_t first, std::span<float> out) const {
  check(first <= elements_ && out.size() <= elements_ - first, "PartReader::read: inside");
  const std::size_t part = reader_->part_size(0);
  const std::size_t end = first + out.size();
  const bool are_parts = first % part == 0 && (end % part == 0 || end == elements_);
  if (out.empty() || are_parts) return reader_->read(0, first, out);
  if (part >= elements_) {
    std::ranges::copy(whole().subspan(first, out.size()), out.begin());
    return;
  }
  const std::size_t last = (end - 1) / part;
  const Held& parts = held(first / part * part, std::min((last + 1) * part, elements_));
  std::ranges::copy(std::span(parts.values).subspan(first - parts.first, out.size()), out.begin());
}

std::span<const float> PartReader::whole() const {
  std::call_once(is_read_, [&] {
    whole_.resize(elements_);
    reader_->read(0, 0, whole_);
  });
  return whole_;
}

const PartReader::Held& PartReader::held(std::size_t first, std::size_t end) const {
  std::unique_lock lock(mutex_);
  Held& held = held_[std::this_thread::get_id()];
  lock.unlock();
  if (held.first <= first && end <= held.first + held.values.size()) return held;
  held.first = first;
  held.values.resize(end - first);
  reader_->read(0, first, held.values);
  return held;
}

}  // namespace vlm
