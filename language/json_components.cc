#include "language/json_components.h"

#include <cstddef>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kDeepestSequence = 16;
constexpr std::size_t kMostComponents = 256;

void append_components(const JsonFields& component, std::string_view members, std::size_t depth,
                       std::vector<JsonFields>& components) {
  if (component.text("type") != "Sequence") {
    components.push_back(component);
    if (components.size() <= kMostComponents) return;
    throw Error(ErrorCode::kUnsupported, "more than " + std::to_string(kMostComponents) +
                                             " components: " + component.where());
  }
  const Json& json = component.json();
  const auto list = json.find(std::string(members));
  if (list == json.end() || !list->is_array() || depth == kDeepestSequence) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a list, at most " + std::to_string(kDeepestSequence) +
                    " deep: " + component.where() + ": " + std::string(members));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = component.where() + ": " + std::to_string(i);
    append_components({(*list)[i], where}, members, depth + 1, components);
  }
}

}  // namespace

std::vector<JsonFields> read_components(const JsonFields& file, std::string_view key,
                                        std::string_view members) {
  std::vector<JsonFields> components;
  if (file.has(key)) append_components(file.object(key), members, 0, components);
  return components;
}

void fail_unsupported(std::string_view kind, const JsonFields& fields, std::string_view value) {
  throw Error(ErrorCode::kUnsupported, std::string(kind) + " is not supported: " + fields.where() +
                                           ": " + std::string(value));
}

}  // namespace vlm
