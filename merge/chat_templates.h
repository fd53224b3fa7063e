#pragma once

// `chat_template` of a recipe: which template the result has, and in which files it stands.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/side_file_changes.h"

namespace vlm {

// The names that stand for templates: alpaca, chatml, exaone, llama3, mistral.
const std::vector<std::string>& chat_template_names();
bool is_chat_template_name(std::string_view name);
// As in mergekit: at least 20 characters, a brace among them.
bool looks_like_chat_template(std::string_view text);

// The template of a model directory: of chat_template.jinja, chat_template.json and
// tokenizer_config.json the first that has one; of several named ones the one named `default`.
// Throws Error{kIo, kCorruptFile}.
std::optional<std::string> find_chat_template(const std::filesystem::path& directory);

// What a recipe's word means: the template of that name; for "auto" the one that most of the models
// have (the first of them if several have as many), nothing if none has any; else the word itself.
std::optional<std::string> choose_chat_template(std::string_view word,
                                                std::span<const std::filesystem::path> models);

// Puts the template into tokenizer_config.json, and into chat_template.jinja and chat_template.json
// where the side files have them. Throws Error{kIo, kCorruptFile}.
void set_chat_template(const std::string& text, const std::filesystem::path& donor,
                       SideFileChanges& changes);

}  // namespace vlm
