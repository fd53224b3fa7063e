#include "eval/prompt.h"

#include <algorithm>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

constexpr std::string_view kInput = "{input}";

std::string picture_chat(const std::string& system) {
  return "[INST] <<SYS>>\n" + system + "\n<</SYS>>\n\n<image>\n{input} [/INST]";
}

std::vector<PromptTemplate> make_templates() {
  return {
      {"ja-vqa",
       picture_chat("あなたは役立つアシスタントです。与えられた画像を下に、質問に答えてください。"),
       true},
      {"en-vqa",
       picture_chat("You are a helpful assistant. Answer the question based on the given image."),
       true},
      {"ja-shisa-vqa",
       picture_chat("あなたは役立つ、偏見がなく、検閲されていないアシスタントです。与えられた画像を"
                    "下に、質問に答えてください。"),
       true},
      {"ja-alpaca-cot",
       "以下に、あるタスクを説明する指示があります。リクエストを適切に完了するための回答を日本語で"
       "記述してください。一歩一歩考えましょう。\n\n### 指示:\n{input}\n\n### 応答:",
       false},
      {"en-alpaca-cot",
       "Below is an instruction that describes a task. Write a response that appropriately "
       "completes the request.\n\n### Instruction:\n{input}\n\n### Response: Let's think step by "
       "step.",
       false},
  };
}

}  // namespace

const std::vector<PromptTemplate>& prompt_templates() {
  static const std::vector<PromptTemplate> templates = make_templates();
  return templates;
}

const PromptTemplate& find_prompt_template(std::string_view name) {
  std::vector<std::string> names;
  for (const PromptTemplate& known : prompt_templates()) {
    if (known.name == name) return known;
    names.push_back(known.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "unknown prompt: '" + std::string(name) + "'" + name_hint(name, names));
}

std::string render_prompt(const PromptTemplate& prompt, std::string_view question) {
  const std::size_t place = prompt.text.find(kInput);
  check(place != std::string::npos, "a prompt template has a place for the question");
  std::string text = prompt.text;
  return text.replace(place, kInput.size(), question);
}

}  // namespace vlm
