#include "checkpoint/resumable_directory.h"

#include <set>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

constexpr const char* kJournalName = ".journal";

Json list_of(const std::vector<FileState>& sources) {
  Json list = Json::array();
  for (const FileState& file : sources) {
    list.push_back({file.path, file.size_bytes, file.modified_ns, file.device, file.inode});
  }
  return list;
}

}  // namespace

ResumableDirectory::ResumableDirectory(const std::filesystem::path& target, Resumption resumption,
                                       Json identity, std::vector<FileState> sources,
                                       const FileSizes& files, std::uint64_t bytes_beside)
    : sources_(std::move(sources)),
      directory_(target, resumption == Resumption::kTaken ? UnfinishedWork::kKeep
                                                          : UnfinishedWork::kRemove) {
  if (resumption != Resumption::kNever) {
    // Without a journal nobody can tell what is there.
    std::set<std::string> kept;
    if (std::filesystem::exists(path() / kJournalName)) {
      kept.insert(kJournalName);
      for (const auto& [name, size_bytes] : files) kept.insert(name);
    }
    directory_.clear(kept);
    identity["model files"] = list_of(sources_);
    journal_.emplace(path() / kJournalName, identity);
  }
  check_room(target, files, bytes_beside);
}

void ResumableDirectory::prepare(const Checkpoint& source, ThreadPool& pool) {
  if (!journal_) return;
  source.prepare_all(
      [&](const std::string& what, const auto& make) { return journal_->recall(what, make); },
      pool);
}

void ResumableDirectory::stop(const std::string& what) {
  if (!journal_) throw Error(ErrorCode::kInterrupted, what + "; nothing is kept");
  directory_.set_unfinished_work(UnfinishedWork::kKeep);
  throw Error(ErrorCode::kInterrupted, what + " (continue with --resume)");
}

void ResumableDirectory::commit() {
  for (const FileState& file : sources_) check_unchanged(file);
  journal_.reset();
  directory_.commit({kJournalName});
}

}  // namespace vlm
