#pragma once

// A model's chat template: a conversation to the text that the model continues.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/jinja/template.h"
#include "language/tokenizer.h"

namespace vlm {

struct ChatMessage {
  std::string role;     // "system", "user", "assistant"
  std::string content;  // "<image>" stands where a picture goes
};

// Immutable: may be used from several threads at once.
class ChatTemplate {
 public:
  // Reads the first of chat_template.jinja, chat_template.json and tokenizer_config.json of a model
  // directory that has a template; of several named ones the one named `default`.
  // Throws Error{kNotFound} if there is none, Error{kCorruptFile, kInvalidArgument, kUnsupported}
  // naming the file or the template's line.
  static ChatTemplate load(const std::filesystem::path& model_directory,
                           const Tokenizer& tokenizer);

  // `special_tokens`: bos_token, eos_token and so on, by these names.
  ChatTemplate(std::string_view source, JinjaVariables special_tokens);

  // hf: apply_chat_template(messages, tokenize=False, add_generation_prompt=...). The result holds
  // the begin token if the template writes it. A template that loops over parts of `content` gets
  // them: {"type": "image"} for each <image>, {"type": "text", "text": ...} for what is between
  // them, stripped. Throws Error{kInvalidArgument, kUnsupported}.
  [[nodiscard]] std::string render(std::span<const ChatMessage> messages,
                                   bool add_generation_prompt) const;

 private:
  [[nodiscard]] JinjaValue content_of(const ChatMessage& message) const;

  JinjaTemplate template_;
  JinjaVariables special_tokens_;
  bool wants_parts_;
};

}  // namespace vlm
