#include "search/utc_time.h"

#include <array>
#include <chrono>
#include <ctime>

namespace vlm {

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm calendar{};
  gmtime_r(&seconds, &calendar);
  std::array<char, 40> date{};
  const std::size_t length =
      std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S.", &calendar);
  const std::string fraction = std::to_string(microseconds % 1000000);
  return std::string(date.data(), length) + std::string(6 - fraction.size(), '0') + fraction;
}

}  // namespace vlm
