#include "search/worker_name.h"

#include <array>
#include <fstream>
#include <sstream>

#include <unistd.h>

namespace vlm {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown-host";
  return name.data();
}

// Field 22 of /proc/self/stat, in clock ticks after boot; empty without /proc. The second field,
// the program's name in brackets, may hold spaces, so counting starts behind it.
std::string start_time() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t bracket = line.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream fields(line.substr(bracket + 1));
  constexpr int kFieldsBefore = 19;
  std::string field;
  for (int i = 0; i <= kFieldsBefore; ++i) fields >> field;
  return field;
}

}  // namespace

std::string own_worker_name() {
  return host_name() + ":" + std::to_string(getpid()) + ":" + start_time();
}

}  // namespace vlm
