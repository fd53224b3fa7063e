#pragma once

// Writing any checkpoint, a merge in particular, as a Hugging Face model directory.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/layout.h"
#include "core/progress.h"
#include "core/thread_pool.h"

namespace vlm {

struct WriteOptions {
  // A shard ends before the tensor that would make its data larger. One tensor may exceed it.
  std::size_t max_shard_size_bytes = 5'000'000'000;
  Layout layout;            // the names on disk
  std::string config_json;  // the text of config.json
  // Further files: name -> content. One with the name of a side file takes its place.
  std::map<std::string, std::string> extra_files;
  ProgressCallback on_progress;  // stage "write", counts tensors
  StopRequested stop_requested;
};

// Writes `source` to the new directory `target`: model.safetensors, or shards
// model-00001-of-0000N.safetensors with model.safetensors.index.json if there is more than fits
// into one; config.json; the side files of source.directory(); the extra files. Weights keep the
// dtypes of source.tensors() and its order, except that within a file wider types go first, which
// keeps every tensor aligned. The directory appears under its name when everything is written and
// flushed, or not at all. A few tensors are in memory at a time: one per thread, while those
// together have less than 2^28 elements. The bytes do not depend on the number of threads.
// Throws Error{kExists} if `target` exists, Error{kInterrupted} on a stop request, Error{kIo}
// naming the file, Error{kInvalidArgument} for a tensor the layout has no place for, and what
// source.read throws.
void write_checkpoint(const Checkpoint& source, const std::filesystem::path& target,
                      const WriteOptions& options, ThreadPool& pool);

}  // namespace vlm
