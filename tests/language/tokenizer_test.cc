#include "language/tokenizer.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "language/text_stream.h"
#include "tests/language/golden_tokenizer.h"
#include "tests/language/tokenizer_directory.h"

namespace vlm {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A model directory with the Mistral v1 vocabulary, made for one test.
class MistralDirectory : public TokenizerDirectory {
 public:
  MistralDirectory() { copy(kGoldenTokenizers / "mistral_v1/tokenizer.model"); }
};

Tokenizer load_mistral() {
  return Tokenizer::load(kGoldenTokenizers / "mistral_v1");
}

Tokenizer load_llava(bool legacy = true) {
  const MistralDirectory directory;
  Json config = Json::parse(R"({"added_tokens_decoder": {
    "32000": {"content": "<image>", "special": true},
    "32001": {"content": "<pad>", "special": true}}, "pad_token": "<pad>"})");
  config["legacy"] = legacy;
  directory.write("tokenizer_config.json", config.dump());
  return Tokenizer::load(directory.path());
}

Tokenizer load_mistral_without_legacy() {
  const MistralDirectory directory;
  directory.write("tokenizer_config.json", R"({"legacy": false})");
  return Tokenizer::load(directory.path());
}

TEST(Tokenizer, AWantedTokenStandsBehindAllOthers) {
  const Tokenizer wanted = Tokenizer::load_with(kGoldenTokenizers / "mistral_v1", "<image>");
  EXPECT_EQ(wanted.id_of("<image>"), 32000);
  EXPECT_TRUE(wanted.is_special(32000));
  const Tokenizer llava = load_llava();
  for (const std::string text : {"<image>\nWhat is it?", "a <image> b<image>", "<imag", ""}) {
    EXPECT_EQ(wanted.encode(text), llava.encode(text)) << text;
  }
  const std::filesystem::path zoo = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";
  const Tokenizer json = Tokenizer::load_with(zoo / "base-lm", "<image>");
  const auto size = static_cast<TokenId>(Tokenizer::load(zoo / "base-lm").vocab_size());
  EXPECT_EQ(json.id_of("<image>"), size);
  EXPECT_THAT(json.encode("<image> a"), Contains(size));
}

TEST(Tokenizer, AWantedTokenThatIsThereStaysWhereItIs) {
  EXPECT_EQ(Tokenizer::load_with(kGoldenTokenizers / "mistral_v1", "</s>").id_of("</s>"), 2);
  const std::filesystem::path vlm = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm";
  const Tokenizer json = Tokenizer::load_with(vlm, "<image>");
  EXPECT_EQ(json.vocab_size(), Tokenizer::load(vlm).vocab_size());
  EXPECT_EQ(json.id_of("<image>"), Tokenizer::load(vlm).id_of("<image>"));
}

TEST(TokenizerGolden, EncodesAsLlamaTokenizerDoesWithAndWithoutLegacy) {
  const Tokenizer legacy = load_mistral();
  const Tokenizer modern = load_mistral_without_legacy();
  for (const Json& line : golden_tokenizer_lines("llama_tokenizer.jsonl")) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(legacy.encode(text), line["legacy_true"].get<std::vector<TokenId>>()) << text;
    EXPECT_EQ(modern.encode(text), line["legacy_false"].get<std::vector<TokenId>>()) << text;
  }
}

TEST(TokenizerGolden, EncodesPromptsWithAddedTokens) {
  const Tokenizer legacy = load_llava();
  const Tokenizer modern = load_llava(false);
  const Json golden = read_json_file(kGoldenTokenizers / "llava_prompts.json");
  for (const Json& line : golden["cases"]) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(legacy.encode(text), line["legacy_true"].get<std::vector<TokenId>>()) << text;
    EXPECT_EQ(modern.encode(text), line["legacy_false"].get<std::vector<TokenId>>()) << text;
  }
}

TEST(TokenizerGolden, DecodesWithAndWithoutSpecialTokens) {
  const Tokenizer legacy = load_llava();
  const Tokenizer modern = load_llava(false);
  const Json golden = read_json_file(kGoldenTokenizers / "decode.json");
  for (const Json& line : golden) {
    const auto ids = line["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(legacy.decode(ids), line["legacy_true_skip_true"]) << line["why"];
    EXPECT_EQ(legacy.decode(ids, SpecialTokens::kKeep), line["legacy_true_skip_false"])
        << line["why"];
    EXPECT_EQ(modern.decode(ids), line["legacy_false_skip_true"]) << line["why"];
    EXPECT_EQ(modern.decode(ids, SpecialTokens::kKeep), line["legacy_false_skip_false"])
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
  const Json golden = read_json_file(kGoldenTokenizers / "streaming.json");
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
  const MistralDirectory directory;
  directory.write("added_tokens.json", R"({"<image>": 32000})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("a<image>b"), ElementsAre(1, 264, 32000, 287));
}

TEST(Tokenizer, AddBosFollowsTheConfigUnlessAsked) {
  const MistralDirectory directory;
  directory.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(264, 2));
  EXPECT_THAT(tokenizer.encode("a", AddBos::kYes), ElementsAre(1, 264));
  EXPECT_THAT(tokenizer.encode("", AddBos::kNo), ElementsAre());
}

TEST(Tokenizer, AddedTokenSwallowsTheWhiteSpaceItClaims) {
  const MistralDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "<x>", "lstrip": true, "rstrip": true}}})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("a <x>  b"), tokenizer.encode("a<x>b"));
  EXPECT_THAT(tokenizer.encode(" <x> ", AddBos::kNo), ElementsAre(32000));
}

TEST(Tokenizer, AddedTokenSwallowsUnicodeWhiteSpace) {
  const MistralDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "<x>", "lstrip": true, "rstrip": true}}})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("a\u3000\n<x>\u2003b"), tokenizer.encode("a<x>b"));
}

TEST(Tokenizer, WholeWordTokenIsNotFoundBesideALetter) {
  const MistralDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "cat", "single_word": true}}})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("cat", AddBos::kNo), ElementsAre(32000));
  EXPECT_THAT(tokenizer.encode("cats é猫cat", AddBos::kNo), Not(Contains(32000)));
  EXPECT_THAT(tokenizer.encode("a,cat!", AddBos::kNo), Contains(32000));
}

TEST(Tokenizer, UnigramModelEncodesWithAddedTokens) {
  const TokenizerDirectory directory;
  directory.copy(kGoldenTokenizers / "unigram/tokenizer.model");
  directory.write("added_tokens.json", R"({"<image>": 1000})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  const std::vector<TokenId> ids = tokenizer.encode("the cat<image>私は猫です。");
  EXPECT_THAT(ids, Contains(1000));
  EXPECT_EQ(tokenizer.decode(ids), "the cat <image> 私は猫です。");
}

TEST(Tokenizer, LongestAddedTokenWins) {
  const MistralDirectory directory;
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
  const MistralDirectory directory;
  std::filesystem::remove(directory.path() / "tokenizer.model");
  EXPECT_THAT(directory.load_error(), HasSubstr("no tokenizer"));
}

TEST(Tokenizer, DamagedModelIsAnError) {
  const MistralDirectory directory;
  const std::string whole = read_text_file(directory.path() / "tokenizer.model");
  for (const std::string& content :
       {std::string(), std::string("{}"), whole.substr(0, whole.size() / 2), whole.substr(1)}) {
    directory.write("tokenizer.model", content);
    EXPECT_THAT(directory.load_error(), HasSubstr("no SentencePiece model"));
  }
}

TEST(Tokenizer, DamagedJsonIsAnError) {
  const MistralDirectory directory;
  for (const char* content :
       {"{", "[]", R"({"added_tokens_decoder": 5})", R"({"added_tokens_decoder": {"x": {}}})",
        R"({"added_tokens_decoder": {"99999999999999999999": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"4000000000": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"3": {"content": 7}}})", R"({"bos_token": 7})",
        R"({"additional_special_tokens": "x"})", R"({"legacy": 1})"}) {
    directory.write("tokenizer_config.json", content);
    EXPECT_NE(directory.load_error(), "no error") << content;
  }
}

}  // namespace
}  // namespace vlm
