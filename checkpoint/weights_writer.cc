#include "checkpoint/weights_writer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "checkpoint/safetensors_writer.h"
#include "core/checksum.h"
#include "core/thread_pool.h"
#include "core/work_queue.h"

namespace vlm {
namespace {

// Of a batch at least, and twice as many at most.
constexpr std::size_t kBatchElements = std::size_t{1} << 26U;
constexpr std::size_t kPartElements = std::size_t{1} << 18U;   // of one write
constexpr std::size_t kPieceElements = std::size_t{1} << 13U;  // that stay in the cache
constexpr std::size_t kDiskThreads = 4;                        // that wait for the disk

std::size_t elements_of(const TensorInfo& tensor) {
  return stored_size_bytes(tensor) / element_size_bytes(tensor.dtype);
}

}  // namespace

// Two loops at once take no more processors than one only if that has all of them.
WeightsWriter::WeightsWriter(const Checkpoint& source, const WriteOptions& options,
                             std::size_t num_tensors, WriteJournal* journal, ThreadPool& pool)
    : source_(source),
      options_(options),
      num_tensors_(num_tensors),
      journal_(journal),
      pool_(pool),
      stoppable_(pool, options.stop_requested) {
  const std::size_t num_threads = pool.num_threads();
  if (num_threads < available_processors()) return;
  opening_pool_.emplace(num_threads);
  stoppable_opening_.emplace(*opening_pool_, options.stop_requested);
}

void WeightsWriter::write_shard(const Shard& shard, const std::filesystem::path& path) {
  file_name_ = shard.file_name;
  std::vector<TensorInfo> infos;
  for (const LayerPathTensor& tensor : shard.path) infos.push_back(tensor.info);
  for (const TensorInfo* tensor : shard.tensors) {
    infos.push_back(*tensor);
    infos.back().name = options_.layout.disk_name(tensor->name);
  }
  const SafetensorsWriter writer(path, infos, {{"format", "pt"}},
                                 journal_ == nullptr ? SafetensorsWriter::Existing::kRefuse
                                                     : SafetensorsWriter::Existing::kContinue);
  for (std::size_t i = 0; i < shard.path.size(); ++i) writer.write(i, 0, shard.path[i].bytes);
  WorkQueue disk(kDiskThreads);
  write_tensors(shard.tensors, shard.path.size(), {writer, disk});
  disk.wait();
  ++shard_index_;
}

// `first` is the number in the file of the first of `tensors`.
void WeightsWriter::write_tensors(Tensors tensors, std::size_t first, const ShardFile& file) {
  Tensors current = tensors.first(batch_size(tensors));
  read_ahead(current);
  Batch batch = open(current, first, file.writer, pool_);
  while (!current.empty()) {
    tensors = tensors.subspan(current.size());
    first += current.size();
    const Tensors next = tensors.first(batch_size(tensors));
    read_ahead(next);
    std::future<Batch> opening;
    if (can_open_beside(current, next)) {
      opening = std::async(std::launch::async,
                           [&, first] { return open(next, first, file.writer, *opening_pool_); });
    }
    write(batch, file);
    for (std::size_t i = 0; i < current.size(); ++i) report();
    close(std::move(batch.reader), current);
    batch = opening.valid() ? opening.get() : open(next, first, file.writer, pool_);
    current = next;
  }
}

// What holds memory of the bound for open tensors gives it back before others take theirs.
void WeightsWriter::close(std::unique_ptr<const TensorReader> reader, Tensors tensors) {
  const bool is_heavy = std::ranges::any_of(
      tensors, [&](const TensorInfo* info) { return source_.working_bytes(*info) > 0; });
  if (!is_heavy) closing_ = std::jthread([closed = std::move(reader)] {});
}

// At least one tensor, unless none is left.
std::size_t WeightsWriter::batch_size(Tensors left) const {
  std::size_t count = 0;
  std::size_t num_elements = 0;
  std::uint64_t working_bytes = 0;
  while (count < left.size() && num_elements < kBatchElements) {
    num_elements += elements_of(*left[count]);
    working_bytes += source_.working_bytes(*left[count]);
    const bool is_much = num_elements > 2 * kBatchElements || working_bytes > kMaxWorkingBytes;
    if (count > 0 && is_much) break;
    ++count;
  }
  return count;
}

bool WeightsWriter::can_open_beside(Tensors current, Tensors next) const {
  std::uint64_t working_bytes = 0;
  for (const TensorInfo* const info : current) working_bytes += source_.working_bytes(*info);
  for (const TensorInfo* const info : next) working_bytes += source_.working_bytes(*info);
  return opening_pool_ && working_bytes <= kMaxWorkingBytes;
}

void WeightsWriter::read_ahead(Tensors batch) const {
  for (const TensorInfo* const info : batch) source_.read_ahead(*info);
}

// `first` is the number in the file of the first of `tensors`. What earlier runs have finished is
// not opened: that may cost as much as to write it.
WeightsWriter::Batch WeightsWriter::open(Tensors tensors, std::size_t first,
                                         const SafetensorsWriter& writer, ThreadPool& pool) const {
  Batch batch;
  std::vector<std::size_t> places;  // in the file
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (is_finished(first + i, *tensors[i], writer, pool)) continue;
    batch.tensors.push_back(tensors[i]);
    places.push_back(first + i);
  }
  if (batch.tensors.empty()) return batch;
  batch.reader = source_.open_tensors(batch.tensors, pool);
  for (std::size_t i = 0; i < batch.tensors.size(); ++i) {
    const std::size_t size = elements_of(*batch.tensors[i]);
    const std::size_t unit = batch.reader->part_size(i);
    const std::size_t step = std::max<std::size_t>(1, kPartElements / unit) * unit;
    for (std::size_t done = 0; done < size; done += step) {
      batch.parts.push_back({{shard_index_, places[i], done, std::min(step, size - done)}, i});
    }
  }
  return batch;
}

void WeightsWriter::write(const Batch& batch, const ShardFile& file) {
  pool_.parallel_for(batch.parts.size(), [&](std::size_t i) {
    const OpenPart& part = batch.parts[i];
    const std::size_t element_bytes = element_size_bytes(batch.tensors[part.index]->dtype);
    if (is_written(journal_, file.writer, part.part, element_bytes)) return;
    write_part(batch, part, file);
  });
}

// Makes the part here and leaves it to the disk's threads if they would wait.
void WeightsWriter::write_part(const Batch& batch, const OpenPart& open, const ShardFile& file) {
  const TensorPart part = open.part;
  const DType dtype = batch.tensors[open.index]->dtype;
  const std::size_t element_bytes = element_size_bytes(dtype);
  const std::size_t first_byte = part.first * element_bytes;
  const std::size_t unit = batch.reader->part_size(open.index);
  const std::size_t step = std::max<std::size_t>(1, kPieceElements / unit) * unit;
  const std::shared_ptr<PartBuffers> buffers = buffers_.take();
  buffers->resize(std::min(step, part.count), part.count * element_bytes,
                  file.writer.address_offset(part.tensor, first_byte), DirectFile::kBlockBytes);
  const std::span<std::byte> bytes = buffers->bytes();
  for (std::size_t done = 0; done < part.count; done += step) {
    const std::size_t count = std::min(step, part.count - done);
    batch.reader->read_stored(open.index, part.first + done, dtype, buffers->values().first(count),
                              bytes.subspan(done * element_bytes, count * element_bytes));
  }
  const std::uint64_t sum = journal_ == nullptr ? 0 : checksum(bytes);
  auto write = [this, buffers, part, first_byte, sum, &writer = file.writer] {
    writer.write(part.tensor, first_byte, buffers->bytes());
    if (journal_ != nullptr) journal_->add(part, sum);
  };
  bytes.size() < DirectFile::kLeastDirectBytes ? write() : file.disk.add(std::move(write));
}

// Whether earlier runs wrote all of the tensor with that number in the file, and it is still there.
bool WeightsWriter::is_finished(std::size_t place, const TensorInfo& tensor,
                                const SafetensorsWriter& writer, ThreadPool& pool) const {
  if (journal_ == nullptr) return false;
  const std::vector<TensorPart> parts = journal_->parts_of(shard_index_, place);
  std::size_t end = 0;
  for (const TensorPart& part : parts) {
    if (part.first != end) return false;
    end += part.count;
  }
  if (end != elements_of(tensor)) return false;
  std::vector<char> are_there(parts.size());
  pool.parallel_for(parts.size(), [&](std::size_t i) {
    const bool is_there = is_written(journal_, writer, parts[i], element_size_bytes(tensor.dtype));
    are_there[i] = is_there ? 1 : 0;
  });
  return std::ranges::find(are_there, 0) == are_there.end();
}

void WeightsWriter::report() {
  ++num_written_;
  if (options_.on_progress) {
    options_.on_progress(
        {.stage = "write", .done = num_written_, .total = num_tensors_, .detail = file_name_});
  }
}

}  // namespace vlm
