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
  if (reader_->part_size(0) == 1 || out.size() == elements_) return reader_->read(0, first, out);
  std::call_once(is_read_, [&] {
    whole_.resize(elements_);
    reader_->read(0, 0, whole_);
  });
  std::ranges::copy(std::span(whole_).subspan(first, out.size()), out.begin());
}

}  // namespace vlm
