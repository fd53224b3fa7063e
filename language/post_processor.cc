#include "language/post_processor.h"

#include <cstddef>
#include <string>

#include "core/error.h"
#include "language/json_components.h"
#include "language/tokenizer_files.h"

namespace vlm {
namespace {

// `key` of `fields` as a list.
const Json& required_list(const JsonFields& fields, const char* key) {
  const auto list = fields.json().find(key);
  if (list == fields.json().end() || !list->is_array()) {
    throw Error(ErrorCode::kCorruptFile, "expected a list: " + fields.where() + ": " + key);
  }
  return *list;
}

// The ids of a special token, as the template's own table gives them.
std::vector<TokenId> ids_of(const JsonFields& processor, const JsonFields& token) {
  const JsonFields table = processor.object("special_tokens");
  const JsonFields entry = table.object(token.text("id"));
  std::vector<TokenId> ids;
  for (const Json& id : required_list(entry, "ids")) {
    if (!id.is_number_unsigned()) {
      throw Error(ErrorCode::kCorruptFile,
                  "expected a token id: " + entry.where() + ": " + json_line(id));
    }
    ids.push_back(checked_token_id(id.get<std::size_t>(), entry.where()));
  }
  return ids;
}

Surroundings parse_surroundings(const JsonFields& processor) {
  Surroundings result;
  std::size_t texts = 0;
  for (const Json& item : required_list(processor, "single")) {
    const JsonFields fields(item, processor.where() + ": single");
    if (fields.has("Sequence")) {
      ++texts;
      continue;
    }
    const std::vector<TokenId> ids = ids_of(processor, fields.object("SpecialToken"));
    std::vector<TokenId>& side = texts == 0 ? result.before : result.after;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (texts != 1) {
    throw Error(ErrorCode::kUnsupported, "a template must have the text once: " +
                                             processor.where() + ": " + std::to_string(texts));
  }
  return result;
}

}  // namespace

Surroundings parse_post_processor(const JsonFields& file) {
  Surroundings result;
  bool has_template = false;
  for (const JsonFields& component : read_components(file, "post_processor", "processors")) {
    const std::string type = component.text("type");
    if (type == "ByteLevel") continue;
    if (type != "TemplateProcessing" || has_template) {
      fail_unsupported(has_template ? "second template" : "post-processor", component, type);
    }
    result = parse_surroundings(component);
    has_template = true;
  }
  return result;
}

}  // namespace vlm
