#include "merge/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

const NewTokens kImage = {{7, {"<image>", true, plain_added_token("<image>", true)}}};

TEST(TokenizerFiles, NothingChangesForTheDonorsOwnTokenizer) {
  const TemporaryDirectory model;
  model.add("tokenizer.json", "{}");
  EXPECT_TRUE(change_tokenizer(model.path(), model.path(), {}).empty());
}

TEST(TokenizerFiles, AnotherTokenizerBringsItsFilesAndDropsTheDonors) {
  const TemporaryDirectory donor;
  const TemporaryDirectory owner;
  donor.add("tokenizer.model", "old");
  donor.add("tokenizer_config.json", "{}");
  owner.add("tokenizer.json", "new");
  owner.add("tokenizer_config.json", R"({"a": 1})");
  const SideFileChanges changes = change_tokenizer(donor.path(), owner.path(), {});
  EXPECT_EQ(changes.written.at("tokenizer.json"), "new");
  EXPECT_EQ(changes.written.at("tokenizer_config.json"), R"({"a": 1})");
  EXPECT_THAT(changes.dropped, testing::ElementsAre("tokenizer.model"));
}

TEST(TokenizerFiles, AddedTokensStandWhereTheTokenizerKeepsThem) {
  const TemporaryDirectory model;
  model.add("tokenizer.json", R"({"version": "1.0", "added_tokens": [], "model": {"a": 1}})");
  model.add("added_tokens.json", R"({"<x>": 6})");
  model.add("tokenizer_config.json", R"({"legacy": true})");
  const SideFileChanges changes = change_tokenizer(model.path(), model.path(), kImage);
  const Json tokenizer = Json::parse(changes.written.at("tokenizer.json"));
  EXPECT_EQ(tokenizer.at("added_tokens")[0].at("id"), 7);
  EXPECT_EQ(tokenizer.at("added_tokens")[0].at("content"), "<image>");
  EXPECT_EQ(Json::parse(changes.written.at("added_tokens.json")).at("<image>"), 7);
  EXPECT_FALSE(changes.written.contains("tokenizer_config.json"));
  EXPECT_LT(changes.written.at("tokenizer.json").find("version"),
            changes.written.at("tokenizer.json").find("added_tokens"));
}

TEST(TokenizerFiles, WithSentencePieceTheConfigHoldsAddedTokens) {
  const TemporaryDirectory model;
  model.add("tokenizer.model", "bytes");
  const SideFileChanges changes = change_tokenizer(model.path(), model.path(), kImage);
  const Json config = Json::parse(changes.written.at("tokenizer_config.json"));
  EXPECT_EQ(config.at("added_tokens_decoder").at("7").at("content"), "<image>");
  EXPECT_EQ(changes.written.size(), 1U);
}

TEST(SideFileChanges, ShowTheChangedFilesAndLinkTheOthers) {
  const TemporaryDirectory donor;
  donor.add("model/tokenizer.json", "old");
  donor.add("model/merges.txt", "old");
  donor.add("model/generation_config.json", "kept");
  donor.add("model/config.json", "{}");
  SideFileChanges changes;
  changes.written["tokenizer.json"] = "new";
  changes.dropped.insert("merges.txt");
  const ChangedSideFiles files(donor.path() / "model", changes);
  EXPECT_EQ(files.path().filename(), "model");
  EXPECT_EQ(read_text_file(files.path() / "tokenizer.json"), "new");
  EXPECT_EQ(read_text_file(files.path() / "generation_config.json"), "kept");
  EXPECT_FALSE(std::filesystem::exists(files.path() / "merges.txt"));
  EXPECT_FALSE(std::filesystem::exists(files.path() / "config.json"));
}

}  // namespace
}  // namespace vlm
