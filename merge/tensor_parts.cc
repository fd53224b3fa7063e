#include "merge/tensor_parts.h"

#include <algorithm>
#include <memory>

#include "checkpoint/writer.h"
#include "core/divide_up.h"
#include "merge/block_loop.h"

namespace vlm {

namespace {

// A tensor that is read in parts of equal size but for the last.
class PartsOfTensor {
 public:
  PartsOfTensor(const Checkpoint& checkpoint, const TensorInfo& info, ThreadPool& pool)
      : elements_(element_count(info.shape).value_or(0)) {
    const TensorInfo* const tensor = &info;
    reader_ = checkpoint.open_tensors({&tensor, 1}, pool);
    const std::size_t unit = reader_->part_size(0);
    size_ = std::min(std::max<std::size_t>(1, kPartElements / unit) * unit, elements_);
  }

  [[nodiscard]] std::size_t count() const {
    return elements_ == 0 ? 0 : divide_up(elements_, size_);
  }
  [[nodiscard]] std::size_t first(std::size_t part) const noexcept { return part * size_; }
  [[nodiscard]] std::size_t size(std::size_t part) const noexcept {
    return std::min(size_, elements_ - first(part));
  }
  // Into all of `out`.
  void read(std::size_t part, std::span<float> out) const { reader_->read(0, first(part), out); }

 private:
  std::size_t elements_;
  std::size_t size_ = 0;
  std::unique_ptr<TensorReader> reader_;
};

}  // namespace

void for_each_part(const Checkpoint& checkpoint, const TensorInfo& info,
                   const std::function<void(std::size_t first, std::span<const float>)>& use) {
  ThreadPool alone(1);
  const PartsOfTensor parts(checkpoint, info, alone);
  std::vector<float> values;
  for (std::size_t part = 0; part < parts.count(); ++part) {
    values.resize(parts.size(part));
    parts.read(part, values);
    use(parts.first(part), values);
  }
}

std::pmr::vector<float> read_whole(const Checkpoint& checkpoint, const TensorInfo& info,
                                   std::pmr::memory_resource& memory, ThreadPool& pool) {
  const PartsOfTensor parts(checkpoint, info, pool);
  std::pmr::vector<float> values(element_count(info.shape).value_or(0), &memory);
  pool.parallel_for(parts.count(), [&](std::size_t part) {
    parts.read(part, std::span(values).subspan(parts.first(part), parts.size(part)));
  });
  return values;
}

std::size_t count_held_together(std::size_t most,
                                const std::function<std::uint64_t(std::size_t i)>& bytes_of) {
  std::uint64_t bytes = bytes_of(0);
  std::size_t count = 1;
  while (count < most && (bytes += bytes_of(count)) <= kMaxWorkingBytes) ++count;
  return count;
}

}  // namespace vlm
