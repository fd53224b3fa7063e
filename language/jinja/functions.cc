#include "language/jinja/functions.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "language/jinja/problem.h"

namespace vlm {
namespace {

// jinja2's limit for sandboxed templates.
constexpr std::int64_t kLongestRange = 100000;

JinjaValue range(const JinjaCall& call) {
  call.check_parameters({"start", "stop", "step"});
  if (call.arguments.empty()) jinja_fail(call.line, "range() needs an argument");
  const bool has_start = call.arguments.size() > 1;
  const std::int64_t start = has_start ? call.integer_or(0, "start", 0) : 0;
  const std::int64_t stop = call.integer_or(has_start ? 1 : 0, "stop", 0);
  const std::int64_t step = call.integer_or(2, "step", 1);
  constexpr std::int64_t kFar = std::int64_t{1} << 40U;
  if (step == 0) jinja_fail(call.line, "range() with step 0");
  if (std::max({std::abs(start), std::abs(stop), std::abs(step)}) > kFar) {
    jinja_fail(call.line, "range() with numbers too large");
  }
  std::vector<JinjaValue> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
    call.budget->spend(kJinjaItemCost);
    if (std::ssize(items) == kLongestRange) jinja_fail(call.line, "range() is too long");
    items.push_back(JinjaValue::integer(i));
  }
  return JinjaValue::sequence(std::move(items), JinjaSequenceKind::kRange);
}

JinjaValue make_dict(const JinjaCall& call) {
  if (!call.arguments.empty()) jinja_unsupported(call.line, "dict() of a value");
  JinjaDict dict;
  for (const auto& [keyword, value] : call.keywords) dict.set(keyword, value);
  return JinjaValue::dict(std::move(dict));
}

JinjaValue time_now(const JinjaCall& call) {
  call.check_parameters({"format"});
  const std::string& format = call.text(0, "format");
  for (std::size_t i = format.find('%'); i < format.size(); i = format.find('%', i + 2)) {
    const std::size_t letter = format[std::min(i + 1, format.size() - 1)] == '-' ? i + 2 : i + 1;
    const bool is_known =
        letter < format.size() &&
        std::string_view("aAbBdHIjmMpSyY%").find(format[letter]) != std::string_view::npos;
    if (!is_known) jinja_unsupported(call.line, "format of strftime_now: " + format);
  }
  if (format.empty()) return JinjaValue::text("");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (::localtime_r(&now, &local) == nullptr || format.size() > 100) {
    jinja_fail(call.line, "cannot tell the time: " + format);
  }
  std::array<char, 2000> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), format.c_str(), &local);
  return JinjaValue::text(std::string(text.data(), size));
}

constexpr std::array<std::string_view, 5> kFunctions{"namespace", "range", "dict",
                                                     "raise_exception", "strftime_now"};
constexpr std::array<std::string_view, 3> kOtherFunctions{"cycler", "joiner", "lipsum"};

bool is_among(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool is_jinja_function(std::string_view name) {
  return is_among(kFunctions, name) || is_among(kOtherFunctions, name);
}

JinjaValue jinja_function(std::string_view name, const JinjaCall& call) {
  if (name == "range") return range(call);
  if (name == "dict") return make_dict(call);
  if (name == "strftime_now") return time_now(call);
  if (name == "raise_exception") {
    call.check_parameters({"message"});
    jinja_fail(call.line, jinja_text(call.at(0, "message"), *call.budget));
  }
  if (is_among(kOtherFunctions, name)) {
    jinja_unsupported(call.line, "function " + std::string(name));
  }
  jinja_fail(call.line, "'" + std::string(name) + "' is undefined");
}

}  // namespace vlm
