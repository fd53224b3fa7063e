#include "core/system_error.h"

#include <cerrno>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

std::error_code last_error() {
  return {errno, std::generic_category()};
}

[[noreturn]] void fail(ErrorCode code, const char* what, const std::filesystem::path& path,
                       const std::error_code& reason) {
  throw Error(code, std::string(what) + ": " + path.string() + ": " + reason.message());
}

}  // namespace

void fail_with(const char* what, const std::filesystem::path& path, const std::error_code& reason) {
  const bool is_missing = reason == std::errc::no_such_file_or_directory;
  fail(is_missing ? ErrorCode::kNotFound : ErrorCode::kIo, what, path, reason);
}

void fail_with_errno(const char* what, const std::filesystem::path& path) {
  fail_with(what, path, last_error());
}

void fail_writing(const char* what, const std::filesystem::path& path) {
  fail(ErrorCode::kIo, what, path, last_error());
}

}  // namespace vlm
