#include "core/output_place.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "core/error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& reason,
                       ErrorCode code = ErrorCode::kIo) {
  throw Error(code, "cannot write file: " + path.string() + ": " + reason);
}

fs::path directory_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

// Links there stand for what a process has open, whatever path they show.
bool is_in_proc(const fs::path& link) {
  struct statfs file_system {};
  return ::statfs(directory_of(link).c_str(), &file_system) == 0 &&
         file_system.f_type == PROC_SUPER_MAGIC;
}

// REQUIRES: the links of `named` end, at a file or at a name that is free.
OutputPlace behind_links(const fs::path& named) {
  fs::path path = named;
  while (fs::is_symlink(fs::symlink_status(path))) {
    if (is_in_proc(path)) return {path, OutputKind::kStream};
    path = directory_of(path) / fs::read_symlink(path);
  }
  return {path, OutputKind::kFile};
}

}  // namespace

OutputPlace output_place(const fs::path& named) {
  std::error_code error;
  const fs::file_type type = fs::status(named, error).type();
  switch (type) {
    case fs::file_type::character:
    case fs::file_type::fifo:
      return {named, OutputKind::kStream};
    case fs::file_type::directory:
      fail(named, "is a directory");
    case fs::file_type::block:
      fail(named, "is a block device");
    case fs::file_type::socket:
      fail(named, "is a socket");
    case fs::file_type::regular:
    case fs::file_type::not_found:
      break;
    default:
      fail(named, error.message());
  }
  OutputPlace place = behind_links(named);
  if (!fs::is_directory(directory_of(place.path), error)) {
    fail(place.path, "no such directory", ErrorCode::kNotFound);
  }
  const fs::path directory = directory_of(place.path);
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const std::error_code reason(errno, std::system_category());
    fail(place.path, "no file can be made in its directory: " + reason.message());
  }
  return place;
}

}  // namespace vlm
