#include "checkpoint/writer.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "checkpoint/shard_plan.h"
#include "checkpoint/side_files.h"
#include "checkpoint/write_journal.h"
#include "core/atomic_directory.h"
#include "core/checksum.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxElements = std::size_t{1} << 28U;    // of tensors that are open
constexpr std::size_t kBatchElements = std::size_t{1} << 27U;  // between two reports
constexpr std::size_t kPartElements = std::size_t{1} << 18U;   // of one write
constexpr std::size_t kPieceElements = std::size_t{1} << 13U;  // that stay in the cache
constexpr const char* kJournalName = ".journal";

std::size_t elements_of(const TensorInfo& tensor) {
  return stored_size_bytes(tensor) / element_size_bytes(tensor.dtype);
}

// What a thread makes a part in. Fresh memory would cost more than the values.
struct PartBuffers {
  std::vector<float> values;
  std::vector<std::byte> bytes;
};

// Buffers that nobody uses at the moment.
class BufferPool {
 public:
  struct GiveBack {
    BufferPool* pool;
    void operator()(PartBuffers* buffers) const { pool->give_back(buffers); }
  };
  using Lease = std::unique_ptr<PartBuffers, GiveBack>;

  Lease take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {new PartBuffers, GiveBack{this}};
    PartBuffers* const buffers = free_.back().release();
    free_.pop_back();
    return {buffers, GiveBack{this}};
  }

 private:
  void give_back(PartBuffers* buffers) {
    const std::lock_guard lock(mutex_);
    free_.emplace_back(buffers);
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<PartBuffers>> free_;
};

// Writes the weights of one checkpoint, shard by shard.
class WeightsWriter {
 public:
  WeightsWriter(const Checkpoint& source, const WriteOptions& options, std::size_t num_tensors,
                WriteJournal* journal, ThreadPool& pool)
      : source_(source),
        options_(options),
        num_tensors_(num_tensors),
        journal_(journal),
        pool_(pool) {}

  void write_shard(const Shard& shard, const fs::path& path) {
    file_name_ = shard.file_name;
    std::vector<TensorInfo> infos;
    for (const LayerPathTensor& tensor : shard.path) infos.push_back(tensor.info);
    for (const TensorInfo* tensor : shard.tensors) {
      infos.push_back(*tensor);
      infos.back().name = options_.layout.disk_name(tensor->name);
    }
    SafetensorsWriter writer(path, infos, {{"format", "pt"}},
                             journal_ == nullptr ? SafetensorsWriter::Existing::kRefuse
                                                 : SafetensorsWriter::Existing::kContinue);
    for (std::size_t i = 0; i < shard.path.size(); ++i) writer.write(i, 0, shard.path[i].bytes);
    const std::span<const TensorInfo* const> tensors = shard.tensors;
    read_ahead(tensors);
    for (std::size_t first = 0; first < tensors.size();) {
      const std::size_t count = batch_size(tensors.subspan(first));
      read_ahead(tensors.subspan(first + count));
      write_batch(tensors.subspan(first, count), shard.path.size() + first, writer);
      for (std::size_t i = 0; i < count; ++i) report(shard);
      first += count;
    }
    writer.finish();
    ++shard_index_;
  }

 private:
  // At least one tensor.
  [[nodiscard]] std::size_t batch_size(std::span<const TensorInfo* const> left) const {
    std::size_t count = 0;
    std::size_t num_elements = 0;
    std::uint64_t working_bytes = 0;
    while (count < left.size() && num_elements < kBatchElements) {
      num_elements += elements_of(*left[count]);
      working_bytes += source_.working_bytes(*left[count]);
      const bool is_much = num_elements > kMaxElements || working_bytes > kMaxWorkingBytes;
      if (count > 0 && is_much) break;
      ++count;
    }
    return count;
  }

  // The next batch is fetched while one is in work.
  void read_ahead(std::span<const TensorInfo* const> left) const {
    for (const TensorInfo* const info : left.first(batch_size(left))) source_.read_ahead(*info);
  }

  // A part, and its tensor among those that are open.
  struct OpenPart {
    TensorPart part;
    std::size_t index;
  };

  // `first` is the number in the file of the first of `tensors`. What earlier runs have finished is
  // not opened: that may cost as much as to write it (the statistics of a merge).
  void write_batch(std::span<const TensorInfo* const> tensors, std::size_t first,
                   const SafetensorsWriter& writer) {
    std::vector<const TensorInfo*> open;
    std::vector<std::size_t> places;  // in the file
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (is_finished(first + i, *tensors[i], writer)) continue;
      open.push_back(tensors[i]);
      places.push_back(first + i);
    }
    if (open.empty()) return;
    std::vector<OpenPart> parts;
    std::unique_ptr<TensorReader> reader = source_.open_tensors(open, pool_);
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::size_t size = elements_of(*open[i]);
      const std::size_t unit = reader->part_size(i);
      const std::size_t step = std::max<std::size_t>(1, kPartElements / unit) * unit;
      for (std::size_t done = 0; done < size; done += step) {
        parts.push_back({{shard_index_, places[i], done, std::min(step, size - done)}, i});
      }
    }
    const auto caller = std::this_thread::get_id();
    pool_.parallel_for(parts.size(), [&](std::size_t i) {
      const auto& [part, index] = parts[i];
      if (is_written(part, *open[index], writer)) return;
      write_part(*reader, index, *open[index], part, writer);
      if (std::this_thread::get_id() == caller) check_stop();
    });
    closing_ = std::jthread([closed = std::move(reader)] {});
  }

  // Whether earlier runs wrote all of the tensor with that number in the file, and it is still
  // there.
  [[nodiscard]] bool is_finished(std::size_t place, const TensorInfo& tensor,
                                 const SafetensorsWriter& writer) const {
    if (journal_ == nullptr) return false;
    const std::vector<TensorPart> parts = journal_->parts_of(shard_index_, place);
    std::size_t end = 0;
    for (const TensorPart& part : parts) {
      if (part.first != end) return false;
      end += part.count;
    }
    if (end != elements_of(tensor)) return false;
    std::vector<char> are_there(parts.size());
    pool_.parallel_for(parts.size(), [&](std::size_t i) {
      are_there[i] = is_written(parts[i], tensor, writer) ? 1 : 0;
    });
    return std::ranges::find(are_there, 0) == are_there.end();
  }

  // Whether an earlier run wrote that part and it is still there.
  [[nodiscard]] bool is_written(const TensorPart& part, const TensorInfo& tensor,
                                const SafetensorsWriter& writer) const {
    const auto sum = journal_ == nullptr ? std::nullopt : journal_->find(part);
    if (!sum) return false;
    const std::size_t element_bytes = element_size_bytes(tensor.dtype);
    std::vector<std::byte> bytes(part.count * element_bytes);
    writer.read(part.tensor, part.first * element_bytes, bytes);
    return checksum(bytes) == *sum;
  }

  void write_part(const TensorReader& reader, std::size_t index, const TensorInfo& tensor,
                  const TensorPart& part, const SafetensorsWriter& writer) {
    const std::size_t element_bytes = element_size_bytes(tensor.dtype);
    const std::size_t unit = reader.part_size(index);
    const std::size_t step = std::max<std::size_t>(1, kPieceElements / unit) * unit;
    const BufferPool::Lease buffers = buffers_.take();
    buffers->values.resize(std::min(step, part.count));
    buffers->bytes.resize(part.count * element_bytes);
    const std::span<std::byte> bytes = buffers->bytes;
    for (std::size_t done = 0; done < part.count; done += step) {
      const std::size_t count = std::min(step, part.count - done);
      const std::span<float> values = std::span(buffers->values).first(count);
      reader.read(index, part.first + done, values);
      store_floats(values, tensor.dtype,
                   bytes.subspan(done * element_bytes, count * element_bytes));
    }
    writer.write(part.tensor, part.first * element_bytes, bytes);
    if (journal_ != nullptr) journal_->add(part, checksum(bytes));
  }

  void report(const Shard& shard) {
    ++num_written_;
    if (options_.on_progress) {
      options_.on_progress({.stage = "write",
                            .done = num_written_,
                            .total = num_tensors_,
                            .detail = shard.file_name});
    }
    check_stop();
  }

  void check_stop() const {
    if (!options_.stop_requested || !options_.stop_requested()) return;
    throw Error(ErrorCode::kInterrupted,
                "stopped while writing: " + file_name_ + ": " + std::to_string(num_written_) +
                    " of " + std::to_string(num_tensors_) + " tensors" +
                    (journal_ == nullptr ? "; nothing is kept" : " (continue with --resume)"));
  }

  const Checkpoint& source_;
  const WriteOptions& options_;
  std::size_t num_tensors_;  // in all shards
  WriteJournal* journal_;    // null: nobody will resume this
  ThreadPool& pool_;
  BufferPool buffers_;
  std::size_t shard_index_ = 0;
  std::string file_name_;  // of the shard
  std::size_t num_written_ = 0;
  std::jthread closing_;  // gives back what the last batch held, which takes a while
};

void check_options(const WriteOptions& options) {
  if (options.max_shard_size_bytes == 0) {
    throw Error(ErrorCode::kInvalidArgument, "max shard size: expected at least one byte: 0");
  }
  for (const auto& [name, content] : options.extra_files) {
    const bool is_plain = !name.empty() && name.find('/') == std::string::npos && name != ".." &&
                          name != "." && name != "config.json" && !name.ends_with(".safetensors") &&
                          name != "model.safetensors.index.json";
    if (!is_plain) {
      throw Error(ErrorCode::kInvalidArgument, "not the name of an extra file: '" + name + "'");
    }
  }
}

void write_other_files(const Checkpoint& source, const fs::path& directory,
                       const WriteOptions& options) {
  write_file_atomically(directory / "config.json", options.config_json);
  for (const std::string& name : list_side_files(source.directory())) {
    if (options.extra_files.contains(name)) continue;
    copy_side_file(source.directory() / name, directory / name);
  }
  for (const auto& [name, content] : options.extra_files) {
    write_file_atomically(directory / name, content);
  }
}

// What a run must have in common with one whose work it takes over.
Json full_identity(const Checkpoint& source, const WriteOptions& options) {
  Json identity = options.identity;
  identity["max_shard_size_bytes"] = options.max_shard_size_bytes;
  identity["config"] = options.config_json;
  identity["layout"] = std::string(options.layout.name());
  Json files = Json::array();
  for (const FileState& file : source.weight_files()) {
    files.push_back({file.path, file.size_bytes, file.modified_ns, file.device, file.inode});
  }
  identity["model files"] = files;
  return identity;
}

// Removes what is no use to this run: everything if nobody can tell what it is, else all but
// weights.
void clear_for_resumption(AtomicDirectory& directory, const std::vector<Shard>& shards) {
  if (!fs::exists(directory.path() / kJournalName)) return directory.clear();
  std::set<std::string> kept{kJournalName};
  for (const Shard& shard : shards) kept.insert(shard.file_name);
  directory.clear(kept);
}

std::size_t count_tensors(const std::vector<Shard>& shards) {
  std::size_t count = 0;
  for (const Shard& shard : shards) count += shard.tensors.size();
  return count;
}

// Says so before hours of work if they would end with a full disk. `folder` will hold the target,
// `work` what is written of it already.
void check_room(const std::vector<Shard>& shards, const fs::path& folder, const fs::path& work) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || space.capacity == 0) return;  // a file system that does not tell
  std::uintmax_t needed = 0;
  for (const Shard& shard : shards) {
    needed += shard.size_bytes;
    needed -= std::min<std::uintmax_t>(needed, allocated_bytes(work / shard.file_name));
  }
  if (needed <= space.available) return;
  throw Error(ErrorCode::kIo, "no room on the disk: " + folder.string() + ": " +
                                  std::to_string(needed) + " bytes to write, " +
                                  std::to_string(space.available) + " free");
}

// The nearest folder above a target that exists.
fs::path existing_folder(const fs::path& target) {
  fs::path folder = fs::absolute(target).lexically_normal().parent_path();
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

}  // namespace

void write_checkpoint(const Checkpoint& source, const fs::path& target, const WriteOptions& options,
                      ThreadPool& pool) {
  check_options(options);
  const std::vector<Shard> shards = plan_shards(source, options.max_shard_size_bytes);
  const std::string index = shard_index_json(shards, options.layout);
  AtomicDirectory directory(target, options.resumption == Resumption::kTaken
                                        ? UnfinishedWork::kKeep
                                        : UnfinishedWork::kRemove);
  std::optional<WriteJournal> journal;
  if (options.resumption != Resumption::kNever) {
    clear_for_resumption(directory, shards);
    journal.emplace(directory.path() / kJournalName, full_identity(source, options));
  }
  check_room(shards, directory.path().parent_path().empty() ? "." : directory.path().parent_path(),
             directory.path());
  write_other_files(source, directory.path(), options);
  WeightsWriter writer(source, options, count_tensors(shards), journal ? &*journal : nullptr, pool);
  try {
    for (const Shard& shard : shards) writer.write_shard(shard, directory.path() / shard.file_name);
  } catch (const Error& error) {
    if (journal && error.code() == ErrorCode::kInterrupted) {
      directory.set_unfinished_work(UnfinishedWork::kKeep);
    }
    throw;
  }
  if (shards.size() > 1) {
    write_file_atomically(directory.path() / "model.safetensors.index.json", index);
  }
  for (const FileState& file : source.weight_files()) check_unchanged(file);
  if (journal) journal->remove();
  directory.commit();
}

void check_can_write(const Checkpoint& source, const fs::path& target,
                     const WriteOptions& options) {
  check_options(options);
  const std::vector<Shard> shards = plan_shards(source, options.max_shard_size_bytes);
  static_cast<void>(shard_index_json(shards, options.layout));
  list_side_files(source.directory());
  if (target.empty()) return;
  AtomicDirectory::check_can_be_made(target);
  check_room(shards, existing_folder(target), AtomicDirectory::working_directory(target));
}

}  // namespace vlm
