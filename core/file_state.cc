#include "core/file_state.h"

#include <sys/stat.h>

#include "core/error.h"
#include "core/system_error.h"

namespace vlm {
namespace {

FileState made_of(const struct stat& status, const std::filesystem::path& path) {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  return {.path = std::filesystem::absolute(path).lexically_normal().string(),
          .size_bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = status.st_mtim.tv_sec * kNanosecondsPerSecond + status.st_mtim.tv_nsec,
          .device = status.st_dev,
          .inode = status.st_ino};
}

}  // namespace

std::string to_string(const FileState& state) {
  std::string text = state.path;
  for (const std::uint64_t number :
       {state.size_bytes, static_cast<std::uint64_t>(state.modified_ns), state.device,
        state.inode}) {
    text += " " + std::to_string(number);
  }
  return text;
}

FileState file_state(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail_with_errno("cannot read file status", path);
  return made_of(status, path);
}

FileState file_state(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail_with_errno("cannot read file status", path);
  return made_of(status, path);
}

void check_unchanged(const FileState& before) {
  const FileState now = file_state(std::filesystem::path(before.path));
  if (now == before) return;
  std::string difference = "written to, or replaced by another file";
  if (now.size_bytes != before.size_bytes) {
    difference = std::to_string(before.size_bytes) + " bytes before, " +
                 std::to_string(now.size_bytes) + " now";
  }
  throw Error(ErrorCode::kCorruptFile,
              "file changed while it was read: " + before.path + ": " + difference);
}

}  // namespace vlm
