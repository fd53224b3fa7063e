#include "core/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <unistd.h>

#include "core/system_error.h"

namespace vlm {

Descriptor::~Descriptor() {
  if (is_open()) ::close(number_);
}

void write_bytes(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30U;  // Linux writes at most 2 GiB a call
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_writing("cannot write file", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace vlm
