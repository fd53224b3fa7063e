#include "checkpoint/writer.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/shard_plan.h"
#include "checkpoint/side_files.h"
#include "checkpoint/weights_writer.h"
#include "checkpoint/write_journal.h"
#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJournalName = ".journal";

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
  if (journal) {
    source.prepare_all(
        [&](const std::string& what, const auto& make) { return journal->recall(what, make); },
        pool);
  }
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
