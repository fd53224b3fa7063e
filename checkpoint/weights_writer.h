#pragma once

// The weight files of a checkpoint that is being written (checkpoint/writer.h).

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/part_buffers.h"
#include "checkpoint/shard_plan.h"
#include "checkpoint/write_journal.h"
#include "checkpoint/writer.h"
#include "core/thread_pool.h"

namespace vlm {

class SafetensorsWriter;
class WorkQueue;

// Writes the weights of one checkpoint, shard by shard. Tensors are opened, which may take as long
// as to make them (the statistics of a merge), a batch at a time; the next batch is opened while
// one is written, so that neither the processors nor the disk wait for the other.
class WeightsWriter {
 public:
  // `num_tensors` are in all shards. Without a journal nobody will resume this. The pool's loops
  // are stoppable until this object is gone.
  WeightsWriter(const Checkpoint& source, const WriteOptions& options, std::size_t num_tensors,
                WriteJournal* journal, ThreadPool& pool);

  // Throws what write_checkpoint() says.
  void write_shard(const Shard& shard, const std::filesystem::path& path);
  [[nodiscard]] std::size_t num_written() const noexcept { return num_written_; }

 private:
  // A part, and its tensor among those that are open.
  struct OpenPart {
    TensorPart part;
    std::size_t index = 0;
  };
  // What is open of some tensors of a shard: what earlier runs have finished is not.
  struct Batch {
    std::vector<const TensorInfo*> tensors;
    std::unique_ptr<const TensorReader> reader;
    std::vector<OpenPart> parts;
  };
  struct ShardFile {
    const SafetensorsWriter& writer;
    WorkQueue& disk;
  };

  using Tensors = std::span<const TensorInfo* const>;

  [[nodiscard]] std::size_t batch_size(Tensors left) const;
  [[nodiscard]] bool can_open_beside(Tensors current, Tensors next) const;
  void read_ahead(Tensors batch) const;
  [[nodiscard]] Batch open(Tensors tensors, std::size_t first, const SafetensorsWriter& writer,
                           ThreadPool& pool) const;
  void write_tensors(Tensors tensors, std::size_t first, const ShardFile& file);
  void write(const Batch& batch, const ShardFile& file);
  void close(std::unique_ptr<const TensorReader> reader, Tensors tensors);
  void write_part(const Batch& batch, const OpenPart& open, const ShardFile& file);
  [[nodiscard]] bool is_finished(std::size_t place, const TensorInfo& tensor,
                                 const SafetensorsWriter& writer, ThreadPool& pool) const;
  void report();

  const Checkpoint& source_;
  const WriteOptions& options_;
  std::size_t num_tensors_;
  WriteJournal* journal_;
  ThreadPool& pool_;
  StoppableLoops stoppable_;
  std::optional<ThreadPool> opening_pool_;  // absent: one after the other
  std::optional<StoppableLoops> stoppable_opening_;
  PartBufferPool buffers_;
  std::size_t shard_index_ = 0;
  std::string file_name_;  // of the shard
  std::size_t num_written_ = 0;
  std::jthread closing_;  // gives back what the last batch held, which takes a while
};

}  // namespace vlm
