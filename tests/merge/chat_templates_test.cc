#include "merge/chat_templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

TEST(ChatTemplates, AWordIsANameOrTheTemplateItself) {
  EXPECT_THAT(*choose_chat_template("chatml", {}), testing::HasSubstr("<|im_start|>"));
  EXPECT_EQ(choose_chat_template("{{ messages[0]['content'] }}", {}),
            "{{ messages[0]['content'] }}");
  EXPECT_TRUE(looks_like_chat_template("{{ messages[0]['content'] }}"));
  EXPECT_FALSE(looks_like_chat_template("{{ short }}"));
  EXPECT_FALSE(looks_like_chat_template("a long text without any brace"));
}

TEST(ChatTemplates, AutoIsThatOfMostModels) {
  const TemporaryDirectory folder;
  folder.add("a/tokenizer_config.json", R"({"chat_template": "A"})");
  folder.add("b/chat_template.jinja", "B");
  folder.add("b/tokenizer_config.json", R"({"chat_template": "not this"})");
  folder.add("c/chat_template.json", R"({"chat_template": "B"})");
  folder.add("d/tokenizer_config.json",
             R"({"chat_template": [{"name": "tools", "template": "T"},
                                   {"name": "default", "template": "A"}]})");
  folder.add("e/tokenizer_config.json", "{}");
  std::vector<std::filesystem::path> models;
  for (const char* const name : {"a", "b", "e", "c"}) models.push_back(folder.path() / name);
  EXPECT_EQ(choose_chat_template("auto", models), "B");
  models.push_back(folder.path() / "d");
  EXPECT_EQ(choose_chat_template("auto", models), "A") << "as many: the first";
  models = {folder.path() / "e"};
  EXPECT_EQ(choose_chat_template("auto", models), std::nullopt);
}

TEST(ChatTemplates, StandInTheConfigAndWhereTheDonorHasOne) {
  const TemporaryDirectory donor;
  donor.add("tokenizer_config.json", R"({"legacy": true, "chat_template": "old"})");
  donor.add("chat_template.jinja", "old");
  SideFileChanges changes;
  set_chat_template("new", donor.path(), changes);
  const Json config = Json::parse(changes.written.at("tokenizer_config.json"));
  EXPECT_EQ(config.at("chat_template"), "new");
  EXPECT_TRUE(config.at("legacy").get<bool>());
  EXPECT_EQ(changes.written.at("chat_template.jinja"), "new");
  EXPECT_FALSE(changes.written.contains("chat_template.json"));
}

TEST(ChatTemplates, AreThoseOfTheMerge) {
  const std::string recipe =
      "models:\n- {model: models/tok_a, parameters: {weight: 1}}\nmerge_method: linear\n"
      "chat_template: llama3\n";
  const MergedCheckpoint merged(make_merge_plan(parse_recipe(recipe, "r.yaml"), golden_models()));
  EXPECT_EQ(find_chat_template(merged.directory()), choose_chat_template("llama3", {}));
}

TEST(ChatTemplates, RecipesWithAWordThatIsNeitherAreRefused) {
  const std::string recipe =
      "models:\n- {model: a, parameters: {weight: 1}}\nmerge_method: linear\n"
      "chat_template: chatlm\n";
  EXPECT_THAT(message_of([&] { parse_recipe(recipe, "r.yaml"); }),
              testing::HasSubstr("r.yaml:4: 'chatlm' (did you mean 'chatml'?)"));
}

}  // namespace
}  // namespace vlm
