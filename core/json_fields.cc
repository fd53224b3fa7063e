#include "core/json_fields.h"

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

constexpr std::size_t kLargestSize = std::size_t{1} << 40U;
constexpr std::size_t kMaxDepth = 64;

// A copy of the value short enough for an error line.
std::string shown(const Json& value) {
  std::string text = json_line(value);
  constexpr std::size_t kLongest = 60;
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

// Sees every parse event and refuses, at once, what nlohmann's parser would accept silently.
class StrictEvents {
 public:
  explicit StrictEvents(const std::string& where) : where_(&where) {}

  void see(int depth, Json::parse_event_t event, const Json& value) {
    if (static_cast<std::size_t>(depth) > kMaxDepth) fail("nested too deep");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys_.back().insert(value.get<std::string>()).second) {
      fail("duplicate key " + shown(value));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kCorruptFile, "bad JSON: " + *where_ + ": " + problem);
  }

  const std::string* where_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  StrictEvents events(where);
  try {
    return Json::parse(text, [&events](int depth, Json::parse_event_t event, Json& value) {
      events.see(depth, event, value);
      return true;
    });
  } catch (const Json::exception& error) {
    std::string reason = error.what();
    const std::size_t colon = reason.find("parse error");
    if (colon != std::string::npos) reason = reason.substr(colon);
    for (char& letter : reason) letter = letter == '\n' ? ' ' : letter;
    throw Error(ErrorCode::kCorruptFile, "bad JSON: " + where + ": " + reason);
  }
}

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_text_file(path), path.string());
}

std::string json_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_list(const Json& value) {
  return value.is_array() ? value : Json::array({value});
}

JsonFields::JsonFields(const Json& object, std::string where)
    : object_(&object), where_(std::move(where)) {
  if (!object.is_object()) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a JSON object: " + where_ + ": " + shown(object));
  }
}

bool JsonFields::has(std::string_view key) const {
  const auto found = object_->find(key);
  return found != object_->end() && !found->is_null();
}

const Json& JsonFields::at(std::string_view key) const {
  const auto found = object_->find(key);
  if (found == object_->end()) {
    throw Error(ErrorCode::kCorruptFile, "missing key: " + where_ + ": " + std::string(key));
  }
  return *found;
}

void JsonFields::fail(std::string_view key, const std::string& wanted) const {
  throw Error(ErrorCode::kCorruptFile, "expected " + wanted + ": " + where_ + ": " +
                                           std::string(key) + " = " + shown(at(key)));
}

std::size_t JsonFields::size(std::string_view key) const {
  const Json& value = at(key);
  const bool is_size = value.is_number_unsigned() ||  // a literal in code is signed
                       (value.is_number_integer() && value.get<std::int64_t>() >= 0);
  if (!is_size || value.get<std::uint64_t>() > kLargestSize) {
    fail(key, "a non-negative integer");
  }
  return value.get<std::size_t>();
}

std::size_t JsonFields::size_or(std::string_view key, std::size_t fallback) const {
  return has(key) ? size(key) : fallback;
}

double JsonFields::number(std::string_view key) const {
  const Json& value = at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) fail(key, "a finite number");
  return value.get<double>();
}

double JsonFields::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool JsonFields::boolean_or(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_boolean()) fail(key, "true or false");
  return at(key).get<bool>();
}

std::string JsonFields::text(std::string_view key) const {
  if (!at(key).is_string()) fail(key, "a string");
  return at(key).get<std::string>();
}

std::string JsonFields::text_or(std::string_view key, std::string fallback) const {
  return has(key) ? text(key) : std::move(fallback);
}

JsonFields JsonFields::object(std::string_view key) const {
  return {at(key), where_ + ": " + std::string(key)};
}

}  // namespace vlm
