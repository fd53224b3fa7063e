#include "core/files.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, const fs::path& path, const std::error_code& reason) {
  const bool missing = reason == std::errc::no_such_file_or_directory;
  throw Error(missing ? ErrorCode::kNotFound : ErrorCode::kIo,
              std::string(what) + ": " + path.string() + ": " + reason.message());
}

[[noreturn]] void fail_with_errno(const char* what, const fs::path& path) {
  fail(what, path, std::error_code(errno, std::generic_category()));
}

// What the names of all temporary siblings of `path` begin with; the process id follows.
std::string temporary_prefix(const fs::path& path) {
  return "." + path.filename().string() + ".tmp-";
}

fs::path temporary_sibling(const fs::path& path) {
  return path.parent_path() / (temporary_prefix(path) + std::to_string(::getpid()));
}

bool is_running(pid_t process) {
  return ::kill(process, 0) == 0 || errno != ESRCH;
}

// Removes the temporary siblings of processes that died before they could.
void remove_leftovers(const fs::path& path) {
  const std::string prefix = temporary_prefix(path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    pid_t process = 0;
    const char* const last = name.data() + name.size();
    const auto [stop, bad] = std::from_chars(name.data() + prefix.size(), last, process);
    if (bad != std::errc{} || stop != last || process <= 0 || is_running(process)) continue;
    std::error_code ignored;
    fs::remove_all(entry->path(), ignored);
  }
}

void write_all(const fs::path& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) fail_with_errno("cannot create file", path);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.flush();
  if (!out) fail_with_errno("cannot write file", path);
}

}  // namespace

std::string read_text_file(const fs::path& path, std::size_t max_bytes) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw Error(ErrorCode::kIo, "is a directory, not a file: " + path.string());
  }
  const auto size_bytes = fs::file_size(path, error);
  if (error) fail("cannot read file", path, error);
  if (size_bytes > max_bytes) {
    throw Error(ErrorCode::kCorruptFile, "file is larger than " + std::to_string(max_bytes) +
                                             " bytes: " + path.string() + ": " +
                                             std::to_string(size_bytes) + " bytes");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_with_errno("cannot open file", path);
  std::string content(static_cast<std::size_t>(size_bytes), '\0');
  in.read(content.data(), static_cast<std::streamsize>(size_bytes));
  if (static_cast<std::uintmax_t>(in.gcount()) != size_bytes) {
    throw Error(ErrorCode::kIo, "file ended early: " + path.string());
  }
  return content;
}

void sync_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_with_errno("cannot open for flushing", path);
  const int result = ::fsync(descriptor);
  const std::error_code error(errno, std::generic_category());
  ::close(descriptor);
  if (result != 0 && error != std::errc::invalid_argument) fail("cannot flush", path, error);
}

AtomicFile::AtomicFile(fs::path target)
    : target_(std::move(target)), working_(temporary_sibling(target_)) {
  std::error_code ignored;
  fs::remove(working_, ignored);
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!working_.empty()) fs::remove(working_, ignored);
}

void AtomicFile::commit() {
  sync_to_disk(working_);
  std::error_code error;
  fs::rename(working_, target_, error);
  if (error) fail("cannot rename to", target_, error);
  working_.clear();
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  write_all(file.path(), content);
  file.commit();
}

AtomicDirectory::AtomicDirectory(fs::path target) : target_(std::move(target)) {
  if (target_.filename().empty()) target_ = target_.parent_path();  // "out/" names "out"
  if (fs::exists(fs::symlink_status(target_))) {
    throw Error(ErrorCode::kExists, "output exists already: " + target_.string());
  }
  working_ = temporary_sibling(target_);
  remove_leftovers(target_);
  std::error_code error;
  fs::remove_all(working_, error);
  fs::create_directories(working_, error);
  if (error) fail("cannot create directory", target_, error);
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!working_.empty()) fs::remove_all(working_, ignored);
}

void AtomicDirectory::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(working_)) sync_to_disk(entry.path());
  sync_to_disk(working_);
  if (fs::exists(fs::symlink_status(target_))) {
    throw Error(ErrorCode::kExists, "output exists already: " + target_.string());
  }
  std::error_code error;
  fs::rename(working_, target_, error);
  if (error) fail("cannot rename to", target_, error);
  working_.clear();
  sync_to_disk(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

}  // namespace vlm
