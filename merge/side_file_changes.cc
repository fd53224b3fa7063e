#include "merge/side_file_changes.h"

#include <system_error>

#include "checkpoint/side_files.h"
#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

fs::path last_part(const fs::path& directory) {
  const fs::path name = fs::absolute(directory / "").lexically_normal().parent_path().filename();
  return name.empty() ? fs::path("model") : name;
}

}  // namespace

ChangedSideFiles::ChangedSideFiles(const fs::path& donor, const SideFileChanges& changes)
    : root_(make_temporary_directory()), path_(root_ / last_part(donor)) {
  try {
    fs::create_directory(path_);
    for (const std::string& name : list_side_files(donor)) {
      if (changes.written.contains(name) || changes.dropped.contains(name)) continue;
      fs::create_symlink(fs::absolute(donor / name), path_ / name);
    }
    for (const auto& [name, content] : changes.written) {
      write_file_atomically(path_ / name, content);
    }
  } catch (const fs::filesystem_error& failure) {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
    throw Error(ErrorCode::kIo, "cannot write a temporary file: " + path_.string() + ": " +
                                    failure.code().message());
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
    throw;
  }
}

ChangedSideFiles::~ChangedSideFiles() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

}  // namespace vlm
