#include "merge/tensor_parts.h"

#include <memory>

#include "checkpoint/writer.h"
#include "merge/block_loop.h"

namespace vlm {
namespace {

std::unique_ptr<TensorReader> open_alone(const Checkpoint& checkpoint, const TensorInfo& info,
                                         ThreadPool& pool) {
  const TensorInfo* const tensor = &info;
  return checkpoint.open_tensors({&tensor, 1}, pool);
}

Parts parts_to_read(const TensorInfo& info, const TensorReader& reader) {
  return Parts(element_count(info.shape).value_or(0), reader.part_size(0));
}

}  // namespace

void for_each_part(const Checkpoint& checkpoint, const TensorInfo& info,
                   const std::function<void(std::size_t first, std::span<const float>)>& use) {
  ThreadPool alone(1);
  const auto reader = open_alone(checkpoint, info, alone);
  const Parts parts = parts_to_read(info, *reader);
  std::vector<float> values;
  for (std::size_t part = 0; part < parts.count(); ++part) {
    values.resize(parts.size(part));
    reader->read(0, parts.first(part), values);
    use(parts.first(part), values);
  }
}

std::pmr::vector<float> read_whole(const Checkpoint& checkpoint, const TensorInfo& info,
                                   std::pmr::memory_resource& memory, ThreadPool& pool) {
  const auto reader = open_alone(checkpoint, info, pool);
  const Parts parts = parts_to_read(info, *reader);
  std::pmr::vector<float> values(element_count(info.shape).value_or(0), &memory);
  pool.parallel_for(parts.count(), [&](std::size_t part) {
    const auto out = std::span(values).subspan(parts.first(part), parts.size(part));
    reader->read(0, parts.first(part), out);
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
