#include "search/worker_name.h"

#include <array>
#include <filesystem>
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

// Field 22 of /proc/PID/stat, in clock ticks after boot; empty if there is no such process. The
// second field, the program's name in brackets, may hold spaces, so counting starts behind it.
std::string start_time(const std::string& process) {
  std::ifstream file(std::filesystem::path("/proc") / process / "stat");
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
  return host_name() + ":" + std::to_string(getpid()) + ":" + start_time("self");
}

bool worker_has_died(const std::string& worker) {
  const std::size_t second = worker.rfind(':');
  if (second == std::string::npos || second == 0) return false;
  const std::size_t first = worker.rfind(':', second - 1);
  if (first == std::string::npos || worker.substr(0, first) != host_name()) return false;
  const std::string process = worker.substr(first + 1, second - first - 1);
  if (process.empty() || process.find_first_not_of("0123456789") != std::string::npos) return false;
  return start_time(process) != worker.substr(second + 1);
}

}  // namespace vlm
