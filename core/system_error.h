#pragma once

// Failures of calls of the system, as errors.

#include <filesystem>
#include <system_error>

namespace vlm {

// Throws Error "what: path: reason": kNotFound if there is no such file, else kIo.
[[noreturn]] void fail_with(const char* what, const std::filesystem::path& path,
                            const std::error_code& reason);

// The same with the reason that a call has left in errno.
[[noreturn]] void fail_with_errno(const char* what, const std::filesystem::path& path);

// The same of a file that is being written: always kIo.
[[noreturn]] void fail_writing(const char* what, const std::filesystem::path& path);

}  // namespace vlm
