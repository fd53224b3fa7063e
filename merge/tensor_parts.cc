#include "merge/tensor_parts.h"

#include <algorithm>
#include <array>

#include "checkpoint/writer.h"
#include "core/thread_pool.h"
#include "merge/block_loop.h"

namespace vlm {

void for_each_part(const Checkpoint& checkpoint, const TensorInfo& info,
                   const std::function<void(std::size_t first, std::span<const float>)>& use) {
  ThreadPool alone(1);
  const std::array tensors{&info};
  const auto reader = checkpoint.open_tensors(tensors, alone);
  const std::size_t unit = reader->part_size(0);
  const std::size_t size = element_count(info.shape).value_or(0);
  const std::size_t part = std::max<std::size_t>(1, kPartElements / unit) * unit;
  std::vector<float> values(std::min(part, size));
  for (std::size_t first = 0; first < size; first += part) {
    const std::span<float> out = std::span(values).first(std::min(part, size - first));
    reader->read(0, first, out);
    use(first, out);
  }
}

std::pmr::vector<float> read_whole(const Checkpoint& checkpoint, const TensorInfo& info,
                                   std::pmr::memory_resource& memory) {
  std::pmr::vector<float> values(element_count(info.shape).value_or(0), &memory);
  for_each_part(checkpoint, info, [&](std::size_t first, std::span<const float> part) {
    std::ranges::copy(part, values.begin() + static_cast<std::ptrdiff_t>(first));
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
