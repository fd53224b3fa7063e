#include "language/jinja/json_text.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace vlm {
namespace {

class JsonWriter {
 public:
  JsonWriter(const JsonTextStyle& style, const JinjaCall& call) : style_(&style), call_(&call) {}

  [[nodiscard]] std::string write(const JinjaValue& value, std::size_t level) const {
    call_->budget->spend(1);
    if (value.is_none()) return "null";
    if (value.is_boolean()) return value.is_true() ? "true" : "false";
    if (value.is_number()) return number(value);
    if (const std::string* text = value.as_text()) return quoted(*text);
    if (const JinjaSequence* sequence = value.as_sequence();
        sequence != nullptr && sequence->is_list_or_tuple()) {
      std::vector<std::string> items;
      for (const JinjaValue& item : sequence->items) items.push_back(write(item, level + 1));
      return enclosed('[', items, ']', level);
    }
    const JinjaDict* dict = value.as_dict();
    if (dict == nullptr) call_->wrong_type("something that JSON can hold", value);
    std::vector<std::pair<std::string, JinjaValue>> entries = dict->entries;
    const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (style_->sort_keys) std::ranges::sort(entries, by_key);
    std::vector<std::string> items;
    items.reserve(entries.size());
    for (const auto& [key, entry] : entries) {
      items.push_back(quoted(key) + ": " + write(entry, level + 1));
    }
    return enclosed('{', items, '}', level);
  }

 private:
  [[nodiscard]] std::string number(const JinjaValue& value) const {
    const double size = value.to_number();
    if (std::isnan(size)) return "NaN";
    if (std::isinf(size)) return size < 0 ? "-Infinity" : "Infinity";
    return jinja_text(value, *call_->budget);
  }

  // hf: json.dumps leaves all but control characters as they are.
  [[nodiscard]] std::string quoted(const std::string& text) const {
    call_->budget->spend(text.size());
    return Json(text).dump(-1, ' ', style_->ascii_only, Json::error_handler_t::replace);
  }

  [[nodiscard]] std::string enclosed(char open, const std::vector<std::string>& items, char close,
                                     std::size_t level) const {
    std::string text(1, open);
    const auto new_line = [&](std::size_t depth) {
      if (style_->indent && !items.empty())
        text += "\n" + std::string(depth * *style_->indent, ' ');
    };
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text += style_->indent ? "," : ", ";
      new_line(level + 1);
      text += items[i];
    }
    new_line(level);
    text += close;
    call_->budget->spend(text.size());
    return text;
  }

  const JsonTextStyle* style_;
  const JinjaCall* call_;
};

}  // namespace

std::string jinja_json(const JinjaValue& value, const JsonTextStyle& style, const JinjaCall& call) {
  return JsonWriter(style, call).write(value, 0);
}

}  // namespace vlm
