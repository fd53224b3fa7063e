#include "core/atomic_directory.h"

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = ".lock";

fs::path parent_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// "out/" and "x/../out" name "out".
fs::path without_slash(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return normal.filename().empty() ? normal.parent_path() : normal;
}

// All entries but the lock.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != kLockName) entries.push_back(entry.path());
  }
  return entries;
}

void check_target(const fs::path& target) {
  if (target.filename().empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "not the name of a new directory: '" + target.string() + "'");
  }
  if (!fs::exists(fs::symlink_status(target))) return;
  throw Error(ErrorCode::kExists, "output exists already: " + target.string());
}

[[noreturn]] void fail(const char* what, const fs::path& path, const std::error_code& reason) {
  throw Error(ErrorCode::kIo, std::string(what) + ": " + path.string() + ": " + reason.message());
}

}  // namespace

AtomicDirectory::AtomicDirectory(fs::path target, UnfinishedWork unfinished)
    : target_(std::move(target)), unfinished_(unfinished) {
  target_ = without_slash(target_);
  check_target(target_);
  working_ = working_directory(target_);
  std::error_code error;
  fs::create_directories(working_, error);
  if (error) fail("cannot create directory", target_, error);
  lock_ = FileLock::try_lock(working_ / kLockName, FileLock::Missing::kCreate);
  if (!lock_) {
    throw Error(ErrorCode::kExists,
                "output is being written by another process: " + target_.string());
  }
  if (!lock_->is_of(working_ / kLockName)) {
    throw Error(ErrorCode::kExists, "output was being written by another process: " +
                                        target_.string() + " (try again)");
  }
  if (fs::exists(fs::symlink_status(target_))) {  // the owner before has finished just now
    fs::remove_all(working_, error);
    check_target(target_);
  }
  if (unfinished_ == UnfinishedWork::kRemove) clear();
}

void AtomicDirectory::check_can_be_made(const fs::path& target) {
  const fs::path named = without_slash(target);
  check_target(named);
  fs::path folder = fs::absolute(named).lexically_normal().parent_path();
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  std::error_code error;
  const fs::path tried =
      folder / (working_directory(named).filename().string() + "-" + std::to_string(::getpid()));
  fs::create_directory(tried, error);
  if (error) fail("cannot create directory", target, error);
  fs::remove(tried, error);
}

AtomicDirectory::~AtomicDirectory() {
  if (working_.empty()) return;
  std::error_code error;
  const bool is_empty = fs::is_directory(working_, error) && entries_of(working_).empty();
  if (unfinished_ == UnfinishedWork::kRemove || is_empty) fs::remove_all(working_, error);
}

fs::path AtomicDirectory::working_directory(const fs::path& target) {
  const fs::path named = without_slash(target);
  return named.parent_path() / ("." + named.filename().string() + ".tmp");
}

void AtomicDirectory::clear(const std::set<std::string>& kept) {
  for (const fs::path& entry : entries_of(working_)) {
    if (kept.contains(entry.filename().string())) continue;
    std::error_code error;
    fs::remove_all(entry, error);
    if (error) fail("cannot remove", entry, error);
  }
}

void AtomicDirectory::commit(const std::set<std::string>& scaffold) {
  for (const auto& entry : fs::recursive_directory_iterator(working_)) sync_to_disk(entry.path());
  sync_to_disk(working_);
  check_target(target_);
  std::error_code error;
  fs::rename(working_, target_, error);
  if (error) fail("cannot rename to", target_, error);
  working_.clear();
  for (const std::string& name : scaffold) fs::remove(target_ / name, error);
  fs::remove(target_ / kLockName, error);  // last, so that nobody else ever owned the directory
  sync_to_disk(target_);
  sync_to_disk(parent_of(target_));
}

}  // namespace vlm
