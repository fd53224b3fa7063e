#include "language/chat_template.h"

#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "language/jinja/code_points.h"
#include "language/valid_utf8.h"

namespace vlm {
namespace {

constexpr std::string_view kImage = "<image>";

// The template of a list of {"name": ..., "template": ...} that is named `default`.
std::string default_of(const Json& list, const std::string& where) {
  std::string names;
  for (const Json& entry : list) {
    const JsonFields fields(entry, where);
    if (fields.text("name") == "default") return fields.text("template");
    names += (names.empty() ? "" : ", ") + fields.text("name");
  }
  throw Error(ErrorCode::kUnsupported,
              "no chat template is named default: " + where + ": " + names);
}

std::optional<std::string> template_in_json(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const Json json = read_json_file(file);
  const JsonFields fields(json, file.string());
  if (!fields.has("chat_template")) return std::nullopt;
  const Json& found = fields.json().at("chat_template");
  if (found.is_array()) return default_of(found, file.string() + ": chat_template");
  return fields.text("chat_template");
}

std::string find_template(const std::filesystem::path& directory) {
  const std::filesystem::path plain = directory / "chat_template.jinja";
  if (std::filesystem::exists(plain)) {
    std::string source = read_text_file(plain);
    if (valid_utf8(source) == source) return source;
    throw Error(ErrorCode::kCorruptFile, "a chat template that is not UTF-8: " + plain.string());
  }
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    if (std::optional<std::string> found = template_in_json(directory / name)) {
      return std::move(*found);
    }
  }
  throw Error(ErrorCode::kNotFound,
              "the model has no chat template: " + directory.string() +
                  ": neither chat_template.jinja nor a chat_template in its tokenizer_config.json");
}

JinjaVariables special_tokens_of(const Tokenizer& tokenizer) {
  JinjaVariables tokens;
  const auto add = [&](const char* name, std::optional<TokenId> id) {
    if (id) tokens.emplace(name, JinjaValue::text(tokenizer.token(*id)));
  };
  add("bos_token", tokenizer.bos_id());
  add("eos_token", tokenizer.eos_id());
  add("pad_token", tokenizer.pad_id());
  return tokens;
}

JinjaValue part(const char* type, std::optional<std::string> text) {
  JinjaDict entries;
  entries.set("type", JinjaValue::text(type));
  if (text) entries.set("text", JinjaValue::text(std::move(*text)));
  return JinjaValue::dict(std::move(entries));
}

std::vector<JinjaValue> parts_of(std::string_view content) {
  std::vector<JinjaValue> parts;
  while (true) {
    const std::size_t image = content.find(kImage);
    const std::string_view text = python_strip(content.substr(0, image));
    if (!text.empty()) parts.push_back(part("text", std::string(text)));
    if (image == std::string_view::npos) return parts;
    parts.push_back(part("image", std::nullopt));
    content.remove_prefix(image + kImage.size());
  }
}

}  // namespace

ChatTemplate ChatTemplate::load(const std::filesystem::path& model_directory,
                                const Tokenizer& tokenizer) {
  return {find_template(model_directory), special_tokens_of(tokenizer)};
}

ChatTemplate::ChatTemplate(std::string_view source, JinjaVariables special_tokens)
    : template_(source),
      special_tokens_(std::move(special_tokens)),
      wants_parts_(template_.loops_over("content")) {}

JinjaValue ChatTemplate::content_of(const ChatMessage& message) const {
  return wants_parts_ ? JinjaValue::list(parts_of(message.content))
                      : JinjaValue::text(message.content);
}

std::string ChatTemplate::render(std::span<const ChatMessage> messages,
                                 bool add_generation_prompt) const {
  std::vector<JinjaValue> list;
  for (const ChatMessage& message : messages) {
    JinjaDict entries;
    entries.set("role", JinjaValue::text(message.role));
    entries.set("content", content_of(message));
    list.push_back(JinjaValue::dict(std::move(entries)));
  }
  JinjaVariables variables = special_tokens_;
  variables.insert_or_assign("messages", JinjaValue::list(std::move(list)));
  variables.insert_or_assign("add_generation_prompt", JinjaValue::boolean(add_generation_prompt));
  variables.insert_or_assign("tools", JinjaValue::none());
  variables.insert_or_assign("documents", JinjaValue::none());
  return template_.render(std::move(variables));
}

}  // namespace vlm
