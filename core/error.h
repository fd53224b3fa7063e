#pragma once

// Errors that come from outside the program: files, configuration, command line.
// A broken promise inside the program is not an Error; see core/check.h.

#include <cstdint>
#include <stdexcept>
#include <string>

namespace vlm {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,
  kCorruptFile,
  kNotFound,
  kIo,
  kUnsupported,
  kExists,
  kInterrupted
};

// The message is one line: "<what>: <where>: <value seen>", with a hint where one helps.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& what) : std::runtime_error(what), code_(code) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace vlm
