#include "checkpoint/disk_room.h"

#include <algorithm>
#include <system_error>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

// The nearest folder above a target that exists.
fs::path existing_folder(const fs::path& target) {
  fs::path folder = fs::absolute(target).lexically_normal().parent_path();
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

}  // namespace

void check_room(const fs::path& target, const FileSizes& files, std::uint64_t bytes_beside) {
  const fs::path folder = existing_folder(target);
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || space.capacity == 0) return;
  const fs::path work = AtomicDirectory::working_directory(target);
  std::uintmax_t needed = 0;
  for (const auto& [name, size_bytes] : files) {
    needed += size_bytes;
    needed -= std::min<std::uintmax_t>(needed, allocated_bytes(work / name));
  }
  if (needed + bytes_beside <= space.available) return;
  const std::string beside =
      bytes_beside == 0 ? "" : " and " + std::to_string(bytes_beside) + " meanwhile";
  throw Error(ErrorCode::kIo, "no room on the disk: " + folder.string() + ": " +
                                  std::to_string(needed) + " bytes to write" + beside + ", " +
                                  std::to_string(space.available) + " free");
}

}  // namespace vlm
