#include "checkpoint/resumable_directory.h"

#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

constexpr const char* kJournalName = ".journal";

}  // namespace

ResumableDirectory::ResumableDirectory(const std::filesystem::path& target, Resumption resumption,
                                       Json identity, std::vector<FileState> sources,
                                       std::set<std::string> kept)
    : sources_(std::move(sources)),
      directory_(target, resumption == Resumption::kTaken ? UnfinishedWork::kKeep
                                                          : UnfinishedWork::kRemove) {
  if (resumption == Resumption::kNever) return;
  // Without a journal nobody can tell what is there.
  const bool has_journal = std::filesystem::exists(path() / kJournalName);
  kept.insert(kJournalName);
  directory_.clear(has_journal ? kept : std::set<std::string>());
  Json files = Json::array();
  for (const FileState& file : sources_) {
    files.push_back({file.path, file.size_bytes, file.modified_ns, file.device, file.inode});
  }
  identity["model files"] = std::move(files);
  journal_.emplace(path() / kJournalName, identity);
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
