#include "cli/option_checks.h"

#include <charconv>
#include <cmath>
#include <exception>
#include <limits>
#include <sstream>

namespace vlm {
namespace {

double factor_of_unit(const std::string& unit) {
  if (unit == "GB" || unit == "G") return 1e9;
  if (unit == "MB" || unit == "M") return 1e6;
  if (unit == "KB" || unit == "kB" || unit == "K") return 1e3;
  return unit.empty() || unit == "B" ? 1.0 : 0.0;
}

bool is_in_range(const std::string& text, std::uint64_t low, std::uint64_t high) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return error == std::errc{} && end == last && value >= low && value <= high;
}

bool is_number_in_range(const std::string& text, double low, double high) {
  double value = 0.0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return error == std::errc{} && end == last && std::isfinite(value) && value >= low &&
         value <= high;
}

// "from 0 to 1", "from 0"; nothing if there are no bounds.
std::string shown_range(double low, double high) {
  constexpr double kMost = std::numeric_limits<double>::max();
  const auto shown = [](double bound) {
    std::ostringstream text;
    text << bound;
    return text.str();
  };
  return (low > -kMost ? " from " + shown(low) : "") + (high < kMost ? " to " + shown(high) : "");
}

}  // namespace

CLI::Option* whole_number(CLI::Option* option, std::uint64_t low, std::uint64_t high) {
  const std::string wanted =
      "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ": ";
  const auto problem_of = [=](const std::string& text) {
    return is_in_range(text, low, high) ? std::string() : wanted + "'" + text + "'";
  };
  return option->type_name("N")->check(CLI::Validator(problem_of, ""));
}

CLI::Option* seed_number(CLI::Option* option) {
  return whole_number(option, 0, std::numeric_limits<std::uint64_t>::max());
}

CLI::Option* number(CLI::Option* option, double low, double high) {
  const std::string wanted = "expected a number" + shown_range(low, high) + ": ";
  const auto problem_of = [=](const std::string& text) {
    return is_number_in_range(text, low, high) ? std::string() : wanted + "'" + text + "'";
  };
  return option->type_name("X")->check(CLI::Validator(problem_of, ""));
}

std::size_t parse_size_bytes(const std::string& option, const std::string& text) {
  std::size_t used = 0;
  double value = 0.0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const double bytes = value * factor_of_unit(text.substr(used));
  if (used == 0 || !(bytes >= 1.0) || bytes > 1e15) {
    throw CLI::ValidationError(option, "not a size: '" + text + "' (examples: 5GB, 300MB)");
  }
  return static_cast<std::size_t>(bytes);
}

}  // namespace vlm
