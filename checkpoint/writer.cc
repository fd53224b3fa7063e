#include "checkpoint/writer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "checkpoint/disk_room.h"
#include "checkpoint/resumable_directory.h"
#include "checkpoint/shard_plan.h"
#include "checkpoint/side_files.h"
#include "checkpoint/weights_writer.h"
#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

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
Json full_identity(const WriteOptions& options) {
  Json identity = options.identity;
  identity["max-shard-size"] = options.max_shard_size_bytes;
  identity["config"] = options.config_json;
  identity["layout"] = std::string(options.layout.name());
  return identity;
}

FileSizes file_sizes(const std::vector<Shard>& shards) {
  FileSizes sizes;
  for (const Shard& shard : shards) sizes[shard.file_name] = shard.size_bytes;
  return sizes;
}

std::size_t count_tensors(const std::vector<Shard>& shards) {
  std::size_t count = 0;
  for (const Shard& shard : shards) count += shard.tensors.size();
  return count;
}

}  // namespace

void write_checkpoint(const Checkpoint& source, const fs::path& target, const WriteOptions& options,
                      ThreadPool& pool) {
  check_options(options);
  const std::vector<Shard> shards = plan_shards(source, options.max_shard_size_bytes);
  const std::string index = shard_index_json(shards, options.layout);
  ResumableDirectory directory(target, options.resumption, full_identity(options),
                               source.weight_files(), file_sizes(shards), options.overflow_bytes);
  write_other_files(source, directory.path(), options);
  const std::size_t num_tensors = count_tensors(shards);
  WeightsWriter writer(source, options, num_tensors, directory.journal(), pool);
  try {
    directory.prepare(source, pool);
    for (const Shard& shard : shards) writer.write_shard(shard, directory.path() / shard.file_name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    directory.stop("stopped while writing: " + target.string() + ": " +
                   std::to_string(writer.num_written()) + " of " + std::to_string(num_tensors) +
                   " tensors");
  }
  if (shards.size() > 1) {
    write_file_atomically(directory.path() / "model.safetensors.index.json", index);
  }
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
  check_room(target, file_sizes(shards), options.overflow_bytes);
}

}  // namespace vlm
