#pragma once

// Writing any checkpoint, a merge in particular, as a Hugging Face model directory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/layout.h"
#include "core/json_fields.h"
#include "core/progress.h"
#include "core/thread_pool.h"

namespace vlm {

// What happens to the part that is written when a run ends before all is.
enum class Resumption : std::uint8_t {
  kNever,    // it is removed
  kOffered,  // a stop request keeps it for a later run; the work of an earlier run is removed
  kTaken     // goes on with the work of an earlier run, if there is any; whatever ends it keeps it
};

inline constexpr std::uint64_t kMaxWorkingBytes = 1'200'000'000;

struct WriteOptions {
  // A shard ends before the tensor that would make its data larger. One tensor may exceed it.
  std::size_t max_shard_size_bytes = 5'000'000'000;
  Layout layout;            // the names on disk
  std::string config_json;  // the text of config.json
  // Further files: name -> content. One with the name of a side file takes its place.
  std::map<std::string, std::string> extra_files;
  Resumption resumption = Resumption::kNever;
  // What else the bytes depend on (recipe, seed, ...), besides the source's weight files and what
  // is in this struct: a run goes on with the work of another only if both are equal.
  Json identity = Json::object();
  // What making the tensors takes of the disk meanwhile (core/overflow_memory.h).
  std::uint64_t overflow_bytes = 0;
  ProgressCallback on_progress;  // stage "write", counts tensors
  StopRequested stop_requested;
};

// Writes `source` to the new directory `target`: model.safetensors, or shards
// model-00001-of-0000N.safetensors with model.safetensors.index.json if there is more than fits
// into one, but no tensors that the source borrows (ModelConfig); config.json; the side files of
// source.directory(); the extra files. Weights keep the
// dtypes of source.tensors() and its order, except that within a file wider types go first, which
// keeps every tensor aligned. The directory appears under its name when everything is written and
// flushed, or not at all. Parts of tensors are computed and written to their places over the pool;
// of tensors that take memory while they are open (Checkpoint::working_bytes) so many are open at a
// time as take less than kMaxWorkingBytes, at least one. A stop request is noticed between the
// steps of what is looked for in tensors before they are written, and between parts.
// The bytes do not depend on the number of threads, nor on where a run was killed (kill -9) before
// another went on: parts that are in their files are read back and taken if their checksum is that
// of the journal (checkpoint/write_journal.h). Throws Error{kExists} if `target` exists or another
// process writes it, Error{kInterrupted} on a stop request, Error{kIo} naming the file or telling
// that the disk has too little room, Error{kCorruptFile} if a weight file of the source changed
// meanwhile, Error{kInvalidArgument} for a tensor the layout has no place for or an identity that
// differs, and what source.read throws.
void write_checkpoint(const Checkpoint& source, const std::filesystem::path& target,
                      const WriteOptions& options, ThreadPool& pool);

// What write_checkpoint() would refuse before it computes a tensor: names, a target that exists or
// cannot be made (see AtomicDirectory::check_can_be_made()), a full disk. Reads no weights and
// leaves nothing behind. An empty `target` stands for one that is not yet chosen.
void check_can_write(const Checkpoint& source, const std::filesystem::path& target,
                     const WriteOptions& options);

}  // namespace vlm
