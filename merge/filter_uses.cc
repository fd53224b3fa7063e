#include "merge/filter_uses.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

constexpr std::size_t kShortestWord = 3;

// What the line asks for; "" if it selects all.
std::string condition_of(const SettingLine& line) {
  std::string text;
  const auto add = [&](const std::string& condition) {
    text += (text.empty() ? "" : ", ") + condition;
  };
  if (!line.filter.empty()) add("filter '" + line.filter + "'");
  if (line.pattern) add("regex '" + line.pattern->text() + "'");
  if (line.component) add("component '" + std::string(to_string(*line.component)) + "'");
  if (line.layers) {
    add("layers [" + std::to_string(line.layers->first) + ", " + std::to_string(line.layers->end) +
        "]");
  }
  return text;
}

bool is_of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// "layers" and "self_atn" of "layers\.[0-2]\.self_atn".
std::set<std::string> words_in(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + ".") {
    if (is_of_word(c)) {
      word += c;
      continue;
    }
    if (word.size() >= kShortestWord) words.insert(word);
    word.clear();
  }
  return words;
}

}  // namespace

void FilterUses::note(std::string_view parameter, const Setting& setting,
                      const TensorPlace& place) {
  for (const SettingLine& line : setting) {
    const std::string condition = condition_of(line);
    if (condition.empty()) continue;
    if (!names_.contains(place.name)) names_.emplace(place.name);
    Use& use = uses_[std::string(parameter) + ": " + condition];
    if (use.line == nullptr) use.line = &line;
    use.has_selected = use.has_selected || selects(line, place);
    components_.emplace(to_string(place.component));
    if (place.layer) layers_.insert(*place.layer);
  }
}

std::string FilterUses::hint(const SettingLine& line) const {
  std::set<std::string> words;
  for (const std::string& name : names_) words.merge(words_in(name));
  const std::vector<std::string> parts(words.begin(), words.end());
  for (const std::string& word : words_in(line.pattern ? line.pattern->text() : line.filter)) {
    const bool is_known = std::ranges::any_of(
        parts, [&](const std::string& part) { return part.find(word) != std::string::npos; });
    const std::string nearest = nearest_name(word, parts);
    if (!is_known && !nearest.empty()) return " (did you mean '" + nearest + "'?)";
  }
  if (line.component && !components_.contains(to_string(*line.component))) {
    std::string merged;
    for (const std::string& name : components_) merged += (merged.empty() ? "" : ", ") + name;
    return " (merged: " + merged + ")";
  }
  if (!line.layers || layers_.empty()) return "";
  return " (layers go to " + std::to_string(*layers_.rbegin()) + ")";
}

void FilterUses::note(const MergeMethod& method, ParameterScope scope, const SettingLevels& levels,
                      const TensorPlace& place) {
  for (const ParameterSettings* const level : levels) {
    if (level == nullptr) continue;
    for (const auto& [name, setting] : *level) {
      if (method.find_parameter(name)->scope == scope) note(name, setting, place);
    }
  }
}

std::vector<std::string> FilterUses::warnings() const {
  std::vector<std::string> warnings;
  for (const auto& [what, use] : uses_) {
    if (use.has_selected) continue;
    std::string message =
        "a line selects no tensor: " + use.line->place + ": " + what + hint(*use.line);
    if (use.line->pattern || use.line->component) {
      throw Error(ErrorCode::kInvalidArgument, message);
    }
    warnings.push_back(std::move(message));
  }
  return warnings;
}

}  // namespace vlm
