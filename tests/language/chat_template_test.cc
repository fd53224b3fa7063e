#include "language/chat_template.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer";

// Templates of released models: the texts and refusals of transformers' apply_chat_template.
TEST(ChatTemplateGolden, TextsAndErrorsAreEqual) {
  const Json golden = read_json_file(kData / "chat_templates.json");
  std::size_t refused = 0;
  for (const Json& item : golden.at("cases")) {
    const Json& model = golden.at("templates").at(item.at("template").get<std::string>());
    const JinjaVariables tokens{{"bos_token", JinjaValue::from_json(model.at("bos_token"))},
                                {"eos_token", JinjaValue::from_json(model.at("eos_token"))}};
    const ChatTemplate chat(model.at("template").get<std::string>(), tokens);
    std::vector<ChatMessage> messages;
    for (const Json& message :
         golden.at("conversations").at(item.at("conversation").get<std::string>())) {
      messages.push_back({message.at("role"), message.at("content")});
    }
    const bool prompts = item.at("add_generation_prompt").get<bool>();
    if (item.contains("expected")) {
      EXPECT_EQ(chat.render(messages, prompts), item.at("expected").get<std::string>()) << item;
      continue;
    }
    ++refused;
    try {
      static_cast<void>(chat.render(messages, prompts));
      ADD_FAILURE() << item;
    } catch (const Error& error) {
      const std::string shown = "chat template: line 1: ";
      const std::string message = std::string(error.what()).substr(shown.size());
      EXPECT_EQ("TemplateError: " + message, item.at("error").get<std::string>());
    }
  }
  EXPECT_EQ(golden.at("cases").size(), 112U);
  EXPECT_GT(refused, 0U);
}

TEST(ChatTemplate, LoopOverPartsOfContentGetsThem) {
  const ChatTemplate chat(
      "{% for m in messages %}{% for c in m.content %}[{{ c.type }}{{ c.text }}]{% endfor %}"
      "{% endfor %}",
      {});
  const auto render = [&](const std::string& content) {
    return chat.render(std::vector<ChatMessage>{{"user", content}}, true);
  };
  EXPECT_EQ(render("<image>\n何ですか？"), "[image][text何ですか？]");
  EXPECT_EQ(render("one <image> two <image>"), "[textone][image][texttwo][image]");
  EXPECT_EQ(render("no picture"), "[textno picture]");
}

// A model directory made for one test.
class ChatTemplateFiles : public testing::Test {
 protected:
  ChatTemplateFiles() { std::filesystem::create_directories(folder_); }
  ~ChatTemplateFiles() override { std::filesystem::remove_all(folder_); }
  ChatTemplateFiles(const ChatTemplateFiles&) = delete;
  ChatTemplateFiles& operator=(const ChatTemplateFiles&) = delete;
  ChatTemplateFiles(ChatTemplateFiles&&) = delete;
  ChatTemplateFiles& operator=(ChatTemplateFiles&&) = delete;

  void write(const std::string& name, const std::string& content) const {
    write_file_atomically(folder_ / name, content);
  }

  // What the model's template makes of "Q", or the error.
  [[nodiscard]] std::string rendered() const {
    try {
      const std::vector<ChatMessage> messages{{"user", "Q"}};
      return ChatTemplate::load(folder_, tokenizer_).render(messages, true);
    } catch (const Error& error) {
      return error.what();
    }
  }

  Tokenizer tokenizer_ = Tokenizer::load(kData / "mistral_v1");
  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("vlm_chat_template_" + std::to_string(::getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ChatTemplateFiles, WithoutATemplateItIsAnError) {
  EXPECT_THAT(rendered(), HasSubstr("the model has no chat template"));
  write("tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_THAT(rendered(), HasSubstr("the model has no chat template"));
}

TEST_F(ChatTemplateFiles, OwnFilesGoBeforeTheTokenizersConfig) {
  write("tokenizer_config.json", R"({"chat_template": "config {{ messages[0].content }}"})");
  EXPECT_EQ(rendered(), "config Q");
  write("chat_template.json", R"({"chat_template": "processor {{ messages[0].content }}"})");
  EXPECT_EQ(rendered(), "processor Q");
  write("chat_template.jinja", "file {{ messages[0].content }}\n");
  EXPECT_EQ(rendered(), "file Q");
}

TEST_F(ChatTemplateFiles, SpecialTokensAreTheTokenizers) {
  write("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}");
  EXPECT_EQ(rendered(), "<s></s>False");
}

TEST_F(ChatTemplateFiles, OfNamedTemplatesTheDefaultIsTaken) {
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "tool_use", "template": "tools"},
                              {"name": "default", "template": "plain"}]})");
  EXPECT_EQ(rendered(), "plain");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_THAT(rendered(), HasSubstr("no chat template is named default"));
}

TEST_F(ChatTemplateFiles, WrongTypesAreErrors) {
  for (const char* config : {R"({"chat_template": 1})", R"({"chat_template": [1]})",
                             R"({"chat_template": [{"name": "default"}]})", "[]"}) {
    write("tokenizer_config.json", config);
    EXPECT_THAT(rendered(), HasSubstr("tokenizer_config.json")) << config;
  }
}

}  // namespace
}  // namespace vlm
