// generate --chat: the model's template around prompts of the command line and of input lines.

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/json_fields.h"
#include "language/tokenizer.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTemplate = R"({{ bos_token }}
{% for message in messages %}
{% if message.role == 'system' %}
<<{{ message.content }}>>
{%- else %}
{% if message.content == 'no' %}
{{ raise_exception('not that') }}
{% endif %}
[{{ message.content }}]
{%- endif %}
{% endfor %}
{{ ' A:' if add_generation_prompt }})";

class GenerateChat : public ProgramTest {
 protected:
  GenerateChat() {
    std::filesystem::create_directories(folder() / "chatty");
    for (const char* name :
         {"config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"}) {
      std::filesystem::create_symlink(project() / "zoo/models/ja-lm" / name,
                                      folder() / "chatty" / name);
    }
    write("chatty/chat_template.jinja", kTemplate);
  }

  static std::vector<std::string> command(std::vector<std::string> arguments,
                                          const std::string& name = "chatty") {
    arguments.insert(arguments.begin(), {"generate", "--model", name, "--max-tokens", "6"});
    return arguments;
  }
  [[nodiscard]] ProgramResult generate(const std::vector<std::string>& arguments,
                                       const std::string& name = "chatty") const {
    return run(command(arguments, name));
  }
  [[nodiscard]] std::vector<Json> lines(const std::vector<std::string>& arguments) const {
    return json_lines(command(arguments));
  }

  void expect_failure(const std::vector<std::string>& arguments, const std::string& message) const {
    const ProgramResult result = generate(arguments);
    EXPECT_EQ(result.exit_code, 1) << message;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.errors, StartsWith("vlm-merge: "));
    EXPECT_THAT(result.errors, HasSubstr(message));
  }
};

TEST_F(GenerateChat, ModelSeesTheRenderedChat) {
  const Tokenizer tokenizer = Tokenizer::load(folder() / "chatty");
  const auto expected = [&](const std::string& rendered) {
    const Json line{{"ids", tokenizer.encode(rendered, AddBos::kNo)}};
    write("ids.jsonl", line.dump() + "\n");
    return lines({"--input", "ids.jsonl"}).at(0).at("ids");
  };
  const Json plain = lines({"--prompt", "左に", "--chat", "--json"}).at(0);
  EXPECT_EQ(plain.at("ids"), expected("<s>\n[左に] A:"));
  EXPECT_EQ(lines({"--prompt", "左に", "--chat", "--system", "猫", "--json"}).at(0).at("ids"),
            expected("<s>\n<<猫>>[左に] A:"));
  EXPECT_EQ(generate({"--prompt", "左に", "--chat"}).out,
            plain.at("text").get<std::string>() + "\n");
}

TEST_F(GenerateChat, LinesGoBeforeTheCommandLine) {
  write("in.jsonl", R"({"prompt": "左に", "chat": true, "system": "猫"})"
                    "\n"
                    R"({"prompt": "左に", "chat": true})"
                    "\n"
                    R"({"prompt": "左に"})"
                    "\n");
  const std::vector<Json> mixed = lines({"--input", "in.jsonl"});
  ASSERT_EQ(mixed.size(), 3U);
  const auto ids_of = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--prompt", "左に", "--json"});
    return lines(arguments).at(0).at("ids");
  };
  EXPECT_EQ(mixed[0].at("ids"), ids_of({"--chat", "--system", "猫"}));
  EXPECT_EQ(mixed[1].at("ids"), ids_of({"--chat"}));
  EXPECT_EQ(mixed[2].at("ids"), ids_of({}));
  write("off.jsonl", R"({"prompt": "左に", "chat": false})");
  EXPECT_EQ(lines({"--input", "off.jsonl", "--chat"}).at(0).at("ids"), ids_of({}));
}

TEST_F(GenerateChat, WhatCannotBeAChatIsRefused) {
  expect_failure({"--prompt", "no", "--chat"}, "chat template: line 7: not that");
  write("ids.jsonl", R"({"ids": [1, 5]})");
  expect_failure({"--input", "ids.jsonl", "--chat"}, "a chat needs a prompt: ids.jsonl:1: ids");
  write("system.jsonl", R"({"prompt": "a", "system": "b"})");
  expect_failure({"--input", "system.jsonl"}, "a system text without a chat: system.jsonl:1: b");
  EXPECT_EQ(generate({"--prompt", "a", "--system", "b"}).exit_code, 2);
  const ProgramResult none = generate({"--prompt", "a", "--chat"}, model("ja-lm"));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.errors, HasSubstr("the model has no chat template: " + model("ja-lm")));
}

TEST_F(GenerateChat, BadTemplatesAreNamedWithTheirLine) {
  write("chatty/chat_template.jinja", "{% if x %}");
  expect_failure({"--prompt", "a", "--chat"}, "chat template: line 1");
  write("chatty/chat_template.jinja", "a\n{% include 'x' %}");
  expect_failure({"--prompt", "a", "--chat"}, "line 2: not supported: {% include %}");
  write("chatty/chat_template.jinja", "{{ range(3) }}");
  expect_failure({"--prompt", "a", "--chat"}, "line 1: not supported: text of a value: range");
  write("chatty/chat_template.jinja", "\xff{{ 1 }}");
  expect_failure({"--prompt", "a", "--chat"}, "not UTF-8: chatty/chat_template.jinja");
  write("chatty/chat_template.jinja", "{# nothing #}");
  expect_failure({"--prompt", "a", "--chat"}, "the chat template makes no text: --prompt: a");
}

}  // namespace
}  // namespace vlm
