#include "merge/chat_templates.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "merge/ordered_json.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

struct KnownTemplate {
  const char* name;
  const char* text;
};

// The formats as their models' cards describe them.
constexpr std::array<KnownTemplate, 5> kTemplates = {{
    {"alpaca",
     R"({% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}{% elif message['role'] == 'user' %}{{ '### Instruction:\n' + message['content'] + '\n\n' }}{% else %}{{ '### Response:\n' + message['content'] + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %})"},
    {"chatml",
     R"({% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})"},
    {"exaone",
     R"({% if messages[0]['role'] != 'system' %}{{ '[|system|][|endofturn|]\n' }}{% endif %}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[|user|]' + message['content'] + '\n' }}{% else %}{{ '[|' + message['role'] + '|]' + message['content'] + '[|endofturn|]\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %})"},
    {"llama3",
     R"({{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + (message['content'] | trim) + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %})"},
    {"mistral",
     R"({{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{% if loop.index0 == 1 and messages[0]['role'] == 'system' %}{{ '[INST] ' + messages[0]['content'] + '\n\n' + message['content'] + ' [/INST]' }}{% else %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %})"},
}};

constexpr std::size_t kShortestTemplateBytes = 20;

const KnownTemplate* find_known(std::string_view name) {
  const auto* const found =
      std::find_if(kTemplates.begin(), kTemplates.end(),
                   [&](const KnownTemplate& known) { return known.name == name; });
  return found == kTemplates.end() ? nullptr : found;
}

// The template of a list of {"name", "template"} that is named `default`.
std::optional<std::string> default_of(const Json& list, const std::string& where) {
  for (const Json& entry : list) {
    const JsonFields fields(entry, where);
    if (fields.text("name") == "default") return fields.text("template");
  }
  return std::nullopt;
}

std::optional<std::string> template_in_json(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  const Json json = read_json_file(file);
  const JsonFields fields(json, file.string());
  if (!fields.has("chat_template")) return std::nullopt;
  const Json& found = fields.json().at("chat_template");
  if (found.is_array()) return default_of(found, file.string() + ": chat_template");
  return fields.text("chat_template");
}

// A side file as the changes so far have it.
std::optional<std::string> current(const std::string& name, const fs::path& donor,
                                   const SideFileChanges& changes) {
  if (const auto found = changes.written.find(name); found != changes.written.end()) {
    return found->second;
  }
  if (changes.dropped.contains(name) || !fs::exists(donor / name)) return std::nullopt;
  return read_text_file(donor / name);
}

std::string with_template(const std::optional<std::string>& config, const fs::path& where,
                          const std::string& text) {
  OrderedJson json = config ? parse_ordered(*config, where.string()) : OrderedJson::object();
  json["chat_template"] = text;
  return written(json);
}

}  // namespace

const std::vector<std::string>& chat_template_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    list.reserve(kTemplates.size());
    for (const KnownTemplate& known : kTemplates) list.emplace_back(known.name);
    return list;
  }();
  return names;
}

bool is_chat_template_name(std::string_view name) {
  return find_known(name) != nullptr;
}

bool looks_like_chat_template(std::string_view text) {
  return text.size() >= kShortestTemplateBytes && text.find('{') != std::string_view::npos;
}

std::optional<std::string> find_chat_template(const fs::path& directory) {
  if (const fs::path plain = directory / "chat_template.jinja"; fs::exists(plain)) {
    return read_text_file(plain);
  }
  for (const char* const name : {"chat_template.json", "tokenizer_config.json"}) {
    if (auto found = template_in_json(directory / name)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> choose_chat_template(std::string_view word,
                                                std::span<const fs::path> models) {
  if (const KnownTemplate* const known = find_known(word)) return known->text;
  if (word != "auto") return std::string(word);
  std::vector<std::string> found;
  for (const fs::path& model : models) {
    if (auto text = find_chat_template(model)) found.push_back(std::move(*text));
  }
  const auto best =
      std::max_element(found.begin(), found.end(), [&](const std::string& a, const std::string& b) {
        return std::count(found.begin(), found.end(), a) <
               std::count(found.begin(), found.end(), b);
      });
  return best == found.end() ? std::nullopt : std::optional(*best);
}

void set_chat_template(const std::string& text, const fs::path& donor, SideFileChanges& changes) {
  const auto config = current("tokenizer_config.json", donor, changes);
  changes.written["tokenizer_config.json"] =
      with_template(config, donor / "tokenizer_config.json", text);
  changes.dropped.erase("tokenizer_config.json");
  if (current("chat_template.jinja", donor, changes)) changes.written["chat_template.jinja"] = text;
  if (current("chat_template.json", donor, changes)) {
    changes.written["chat_template.json"] =
        with_template(std::nullopt, donor / "chat_template.json", text);
  }
}

}  // namespace vlm
