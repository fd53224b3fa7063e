#include "core/files.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/system_error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

fs::path temporary_sibling(const fs::path& path) {
  return path.parent_path() /
         ("." + path.filename().string() + ".tmp-" + std::to_string(::getpid()));
}

// `target` is for messages.
void write_all(const fs::path& path, std::string_view content, const fs::path& target) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) fail_with_errno("cannot create file", target);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.flush();
  if (!out) fail_with_errno("cannot write file", target);
}

// While there is one, writing to a pipe that nobody reads fails instead of ending the program.
class IgnoreBrokenPipe {
 public:
  IgnoreBrokenPipe() noexcept { ::sigaction(SIGPIPE, &ignore_, &before_); }
  ~IgnoreBrokenPipe() { ::sigaction(SIGPIPE, &before_, nullptr); }
  IgnoreBrokenPipe(const IgnoreBrokenPipe&) = delete;
  IgnoreBrokenPipe& operator=(const IgnoreBrokenPipe&) = delete;
  IgnoreBrokenPipe(IgnoreBrokenPipe&&) = delete;
  IgnoreBrokenPipe& operator=(IgnoreBrokenPipe&&) = delete;

 private:
  static struct sigaction ignoring() noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    return action;
  }

  struct sigaction ignore_ = ignoring();
  struct sigaction before_ {};
};

// A descriptor of this process is shared, so that whoever goes on writing to it does so behind.
int open_stream(const fs::path& stream) {
  std::error_code error;
  if (fs::equivalent(stream.parent_path(), "/proc/self/fd", error)) {
    return ::dup(std::stoi(stream.filename().string()));
  }
  return ::open(stream.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
}

// Writes the bytes of a file. `target` is for messages.
void write_file(const fs::path& from, int descriptor, const fs::path& target) {
  constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
  std::ifstream in(from, std::ios::binary);
  if (!in) fail_with_errno("cannot open file", from);
  std::string chunk(kChunkBytes, '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    write_bytes(descriptor, {chunk.data(), static_cast<std::size_t>(in.gcount())}, target);
  }
}

// The bytes of a file, written into a stream that is there.
void append_file(const fs::path& from, const fs::path& stream) {
  const IgnoreBrokenPipe ignored;
  const Descriptor out(open_stream(stream));
  if (!out.is_open()) fail_with_errno("cannot open for writing", stream);
  write_file(from, out.number(), stream);
}

}  // namespace

std::string read_text_file(const fs::path& path, std::size_t max_bytes) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw Error(ErrorCode::kIo, "is a directory, not a file: " + path.string());
  }
  const auto size_bytes = fs::file_size(path, error);
  if (error) fail_with("cannot read file", path, error);
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

void copy_to_new_file(const fs::path& from, const fs::path& to) {
  constexpr ::mode_t kMode = 0666;  // less the process's mask
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!out.is_open()) fail_with_errno("cannot create file", to);
  write_file(from, out.number(), to);
}

std::uintmax_t allocated_bytes(const fs::path& path) noexcept {
  constexpr std::uintmax_t kBlockBytes = 512;  // the unit of st_blocks
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return static_cast<std::uintmax_t>(status.st_blocks) * kBlockBytes;
}

void sync_to_disk(const fs::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.is_open()) fail_with_errno("cannot open for flushing", path);
  if (::fsync(descriptor.number()) != 0 && errno != EINVAL) fail_with_errno("cannot flush", path);
}

fs::path make_temporary_directory() {
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / "vlm-merge-XXXXXX").string();
  if (error || ::mkdtemp(pattern.data()) == nullptr) {
    const std::error_code reason = error ? error : std::error_code(errno, std::system_category());
    throw Error(ErrorCode::kIo,
                "cannot make a temporary directory: " + pattern + ": " + reason.message());
  }
  return pattern;
}

AtomicFile::AtomicFile(const fs::path& target) : target_(output_place(target)) {
  if (target_.kind == OutputKind::kStream) {
    private_folder_ = make_temporary_directory();
    working_ = private_folder_ / "content";
    return;
  }
  working_ = temporary_sibling(target_.path);
  std::error_code ignored;
  fs::remove(working_, ignored);
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!working_.empty()) fs::remove(working_, ignored);
  if (!private_folder_.empty()) fs::remove(private_folder_, ignored);
}

void AtomicFile::commit() {
  if (target_.kind == OutputKind::kStream) return append_file(working_, target_.path);
  sync_to_disk(working_);
  std::error_code error;
  fs::rename(working_, target_.path, error);
  if (error) fail_with("cannot rename to", target_.path, error);
  working_.clear();
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  write_all(file.path(), content, path);
  file.commit();
}

}  // namespace vlm
