#include "language/tokenizer.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "language/text_stream.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer";

std::vector<Json> read_lines(const std::string& name) {
  std::ifstream file(kData / name);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

// A model directory made for one test.
class TokenizerDirectory {
 public:
  TokenizerDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("vlm_tokenizer_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(path_);
    std::filesystem::copy_file(kData / "mistral_v1/tokenizer.model", path_ / "tokenizer.model",
                               std::filesystem::copy_options::overwrite_existing);
  }
  ~TokenizerDirectory() { std::filesystem::remove_all(path_); }
  TokenizerDirectory(const TokenizerDirectory&) = delete;
  TokenizerDirectory& operator=(const TokenizerDirectory&) = delete;
  TokenizerDirectory(TokenizerDirectory&&) = delete;
  TokenizerDirectory& operator=(TokenizerDirectory&&) = delete;

  void write(const std::string& name, const std::string& content) const {
    write_file_atomically(path_ / name, content);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Tokenizer load_mistral() {
  return Tokenizer::load(kData / "mistral_v1");
}

Tokenizer load_llava() {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "<image>", "special": true},
    "32001": {"content": "<pad>", "special": true}}, "pad_token": "<pad>"})");
  return Tokenizer::load(directory.path());
}

std::string load_error(const TokenizerDirectory& directory) {
  try {
    Tokenizer::load(directory.path());
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TokenizerGolden, EncodesAsLegacyLlamaTokenizerDoes) {
  const Tokenizer tokenizer = load_mistral();
  for (const Json& line : read_lines("llama_tokenizer.jsonl")) {
    EXPECT_EQ(tokenizer.encode(line["text"].get<std::string>()),
              line["legacy_true"].get<std::vector<TokenId>>())
        << line["id"] << line["text"];
  }
}

TEST(TokenizerGolden, EncodesPromptsWithAddedTokens) {
  const Tokenizer tokenizer = load_llava();
  const Json golden = read_json_file(kData / "llava_prompts.json");
  for (const Json& line : golden["cases"]) {
    EXPECT_EQ(tokenizer.encode(line["text"].get<std::string>()),
              line["legacy_true"].get<std::vector<TokenId>>())
        << line["text"];
  }
}

TEST(TokenizerGolden, DecodesWithAndWithoutSpecialTokens) {
  const Tokenizer tokenizer = load_llava();
  const Json golden = read_json_file(kData / "decode.json");
  for (const Json& line : golden) {
    const auto ids = line["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.decode(ids), line["legacy_true_skip_true"]) << line["why"];
    EXPECT_EQ(tokenizer.decode(ids, SpecialTokens::kKeep), line["legacy_true_skip_false"])
        << line["why"];
  }
}

bool is_valid_utf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::exception&) {
    return false;
  }
}

// The golden chunks follow a display rule of transformers' TextStreamer (whole words); ours
// releases earlier, so only the whole text is compared.
TEST(TextStreamGolden, ReleasesTheWholeTextInValidPieces) {
  const Tokenizer tokenizer = load_mistral();
  const Json golden = read_json_file(kData / "streaming.json");
  for (const Json& line : golden["cases"]) {
    TextStream stream(tokenizer);
    std::string text;
    for (const TokenId id : line["ids"].get<std::vector<TokenId>>()) {
      const std::string piece = stream.push(id);
      EXPECT_TRUE(is_valid_utf8(piece)) << piece;
      text += piece;
    }
    text += stream.finish();
    EXPECT_EQ(text, line["text"]);
    EXPECT_EQ(stream.text(), text);
  }
}

TEST(TextStream, HoldsBackBytesOfAnUnfinishedCharacter) {
  const Tokenizer tokenizer = load_mistral();
  TextStream stream(tokenizer);
  EXPECT_EQ(stream.push(230), "");
  EXPECT_EQ(stream.push(132), "");
  EXPECT_EQ(stream.push(133), "あ");
  EXPECT_EQ(stream.push(230), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(TextStream, RunsOfBlanksAndSpecialTokensGiveTheTextOfDecode) {
  const Tokenizer tokenizer = load_llava();
  for (const char* text :
       {"     a", "a    b", "<image>  a <s>   b ", "   ", " \n \n", "▁▁ <0xE3>"}) {
    const std::vector<TokenId> ids = tokenizer.encode(text);
    TextStream stream(tokenizer);
    for (const TokenId id : ids) stream.push(id);
    stream.finish();
    EXPECT_EQ(stream.text(), tokenizer.decode(ids)) << text;
  }
}

TEST(Tokenizer, KnowsItsSpecialTokens) {
  const Tokenizer tokenizer = load_llava();
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.pad_id(), 32001);
  EXPECT_EQ(tokenizer.id_of("<image>"), 32000);
  EXPECT_EQ(tokenizer.id_of("<nothing>"), std::nullopt);
  EXPECT_EQ(tokenizer.token(32000), "<image>");
  EXPECT_EQ(tokenizer.token(40000), "");
  EXPECT_TRUE(tokenizer.is_special(2));
  EXPECT_FALSE(tokenizer.is_special(13));
  EXPECT_EQ(tokenizer.vocab_size(), 32002U);
}

TEST(Tokenizer, AddedTokensJsonAddsTokens) {
  const TokenizerDirectory directory;
  directory.write("added_tokens.json", R"({"<image>": 32000})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("a<image>b"), ElementsAre(1, 264, 32000, 287));
}

TEST(Tokenizer, AddBosFollowsTheConfigUnlessAsked) {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(264, 2));
  EXPECT_THAT(tokenizer.encode("a", AddBos::kYes), ElementsAre(1, 264));
  EXPECT_THAT(tokenizer.encode("", AddBos::kNo), ElementsAre());
}

TEST(Tokenizer, AddedTokenSwallowsTheWhiteSpaceItClaims) {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "<x>", "lstrip": true, "rstrip": true}}})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("a <x>  b"), tokenizer.encode("a<x>b"));
  EXPECT_THAT(tokenizer.encode(" <x> ", AddBos::kNo), ElementsAre(32000));
}

TEST(Tokenizer, LongestAddedTokenWins) {
  const TokenizerDirectory directory;
  directory.write("added_tokens.json", R"({"<x>": 32000, "<x><y>": 32001})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("<x><y><x>", AddBos::kNo), ElementsAre(32001, 32000));
}

TEST(Tokenizer, InvalidUtf8EncodesWithoutCrash) {
  const Tokenizer tokenizer = load_mistral();
  EXPECT_EQ(tokenizer.encode("\xFF\xFE", AddBos::kNo),
            tokenizer.encode("\xEF\xBF\xBD\xEF\xBF\xBD", AddBos::kNo));
}

TEST(Tokenizer, NegativeIdIsRefusedAndUnknownIdIsSilent) {
  const Tokenizer tokenizer = load_mistral();
  EXPECT_THROW(static_cast<void>(tokenizer.decode(std::vector<TokenId>{-1})), Error);
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{264, 50000}), "a");
}

TEST(Tokenizer, MissingModelIsAnError) {
  const TokenizerDirectory directory;
  std::filesystem::remove(directory.path() / "tokenizer.model");
  EXPECT_THAT(load_error(directory), HasSubstr("no tokenizer"));
}

TEST(Tokenizer, DamagedModelIsAnError) {
  const TokenizerDirectory directory;
  const std::string whole = read_text_file(directory.path() / "tokenizer.model");
  for (const std::string& content :
       {std::string(), std::string("{}"), whole.substr(0, whole.size() / 2), whole.substr(1)}) {
    directory.write("tokenizer.model", content);
    EXPECT_THAT(load_error(directory), HasSubstr("no SentencePiece model"));
  }
}

TEST(Tokenizer, DamagedJsonIsAnError) {
  const TokenizerDirectory directory;
  for (const char* content :
       {"{", "[]", R"({"added_tokens_decoder": 5})", R"({"added_tokens_decoder": {"x": {}}})",
        R"({"added_tokens_decoder": {"99999999999999999999": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"4000000000": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"3": {"content": 7}}})", R"({"bos_token": 7})",
        R"({"additional_special_tokens": "x"})", R"({"legacy": false})"}) {
    directory.write("tokenizer_config.json", content);
    EXPECT_NE(load_error(directory), "no error") << content;
  }
}

}  // namespace
}  // namespace vlm
