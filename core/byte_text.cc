#include "core/byte_text.h"

namespace vlm {

std::string byte_text(std::size_t bytes, ByteRounding rounding) {
  constexpr std::size_t kKilobyte = 1000;
  constexpr std::size_t kMegabyte = 1'000'000;
  constexpr std::size_t kFirstWithoutDecimal = 100;
  constexpr std::size_t kTenths = 10;
  if (bytes < kKilobyte) return std::to_string(bytes) + " bytes";
  const std::size_t unit = bytes < kMegabyte ? kKilobyte : kMegabyte;
  const bool has_decimal = bytes < kFirstWithoutDecimal * unit;
  const std::size_t step = has_decimal ? unit / kTenths : unit;
  const std::size_t steps = bytes / step + (rounding == ByteRounding::kUp && bytes % step > 0);
  std::string number = std::to_string(has_decimal ? steps / kTenths : steps);
  if (has_decimal && steps % kTenths > 0) number += "." + std::to_string(steps % kTenths);
  return number + (unit == kKilobyte ? " KB" : " MB");
}

}  // namespace vlm
