#pragma once

// A new directory in which a run can go on with the work of one that was killed or stopped.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/disk_room.h"
#include "checkpoint/write_journal.h"
#include "checkpoint/writer.h"
#include "core/atomic_directory.h"
#include "core/file_state.h"
#include "core/json_fields.h"
#include "core/thread_pool.h"

namespace vlm {

class ResumableDirectory {
 public:
  // All bytes follow from `identity` and the files `sources`. Of an earlier run what is in `files`
  // stays. `bytes_beside`: see check_room(). Throws what AtomicDirectory, WriteJournal and
  // check_room() throw.
  ResumableDirectory(const std::filesystem::path& target, Resumption resumption, Json identity,
                     std::vector<FileState> sources, const FileSizes& files,
                     std::uint64_t bytes_beside = 0);

  // Where to write.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return directory_.path(); }
  // What is in the files; null with Resumption::kNever.
  [[nodiscard]] WriteJournal* journal() noexcept { return journal_ ? &*journal_ : nullptr; }
  // Prepares all tensors (Checkpoint::prepare_all) with what an earlier run found; nothing without
  // a journal: then each is prepared when it is opened.
  void prepare(const Checkpoint& source, ThreadPool& pool);
  // Leaves the work to a later run, if one may take it. Throws Error{kInterrupted}: `what`, then
  // how to go on.
  [[noreturn]] void stop(const std::string& what);
  // Gives the directory its name; ends the journal. Throws what AtomicDirectory::commit() throws,
  // Error{kCorruptFile} if a source is not what it was.
  void commit();

 private:
  std::vector<FileState> sources_;
  AtomicDirectory directory_;
  std::optional<WriteJournal> journal_;
};

}  // namespace vlm
