#include "language/tokenizer_json.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_fields.h"
#include "language/text_stream.h"
#include "language/tokenizer.h"
#include "tests/language/golden_tokenizer.h"
#include "tests/language/json_of_sentencepiece.h"
#include "tests/language/tokenizer_directory.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Tokenizer& smollm2() {
  static const Tokenizer kTokenizer = Tokenizer::load(kGoldenTokenizers / "smollm2");
  return kTokenizer;
}

// Mistral v1 with the added tokens of the golden files.
Tokenizer load_mistral_json() {
  const TokenizerDirectory directory;
  directory.write("tokenizer.json",
                  json_of_sentencepiece(kGoldenTokenizers / "mistral_v1/tokenizer.model").dump());
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {
    "32000": {"content": "<image>", "special": true},
    "32001": {"content": "<pad>", "special": true}}, "pad_token": "<pad>"})");
  return Tokenizer::load(directory.path());
}

const Tokenizer& mistral() {
  static const Tokenizer kTokenizer = load_mistral_json();
  return kTokenizer;
}

// A byte-fallback tokenizer that tests change.
Json small_file() {
  return Json::parse(R"({
    "added_tokens": [{"id": 5, "content": "<x>", "special": true}],
    "model": {"type": "BPE", "unk_token": "a",
              "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3, " ": 4},
              "merges": ["a b", ["ab", "b"]]}})");
}

Tokenizer load(const Json& file) {
  const TokenizerDirectory directory;
  directory.write("tokenizer.json", file.dump());
  return Tokenizer::load(directory.path());
}

std::string load_error(const Json& file) {
  const TokenizerDirectory directory;
  directory.write("tokenizer.json", file.dump());
  return directory.load_error();
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  TextStream stream(tokenizer);
  for (const TokenId id : ids) {
    const std::string piece = stream.push(id);
    EXPECT_NO_THROW(static_cast<void>(Json(piece).dump())) << "broken UTF-8";
  }
  stream.finish();
  EXPECT_NO_THROW(static_cast<void>(Json(stream.text()).dump())) << "broken UTF-8";
  return stream.text();
}

TEST(TokenizerJsonGolden, ByteLevelIdsTokensAndTextsAreEqual) {
  std::size_t compared = 0;
  for (const Json& line : golden_tokenizer_lines("bytelevel_bpe.jsonl")) {
    const auto text = line["text"].get<std::string>();
    const std::vector<TokenId> ids = smollm2().encode(text);
    EXPECT_EQ(ids, line["ids"].get<std::vector<TokenId>>()) << text;
    std::vector<std::string> tokens;
    for (const TokenId id : ids) tokens.push_back(smollm2().token(id));
    EXPECT_EQ(tokens, line["tokens"].get<std::vector<std::string>>()) << text;
    EXPECT_EQ(smollm2().decode(ids, SpecialTokens::kKeep), line["decoded"]) << text;
    EXPECT_EQ(smollm2().decode(ids), line["decoded_skip_special"]) << text;
    ++compared;
  }
  EXPECT_GE(compared, 100U);
}

TEST(TokenizerJsonGolden, EncodesAsTheFastLlamaTokenizerDoes) {
  for (const Json& line : golden_tokenizer_lines("llama_tokenizer.jsonl")) {
    const auto text = line["text"].get<std::string>();
    if (text.find("<image>") != std::string::npos) continue;  // made without that token
    EXPECT_EQ(mistral().encode(text), line["fast"].get<std::vector<TokenId>>()) << text;
  }
  const Json prompts = read_json_file(kGoldenTokenizers / "llava_prompts.json");
  for (const Json& line : prompts["cases"]) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(mistral().encode(text), line["fast"].get<std::vector<TokenId>>()) << text;
  }
}

TEST(TokenizerJsonGolden, DecodesAsTheFastLlamaTokenizerDoes) {
  const Json golden = read_json_file(kGoldenTokenizers / "decode.json");
  for (const Json& line : golden) {
    const auto ids = line["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(mistral().decode(ids), line["fast_skip_true"]) << line["why"];
    EXPECT_EQ(mistral().decode(ids, SpecialTokens::kKeep), line["fast_skip_false"]) << line["why"];
  }
}

TEST(TokenizerJsonGolden, StreamsTheWholeText) {
  const Json golden = read_json_file(kGoldenTokenizers / "streaming.json");
  for (const Json& line : golden["cases"]) {
    EXPECT_EQ(streamed(mistral(), line["ids"].get<std::vector<TokenId>>()), line["text"]);
  }
}

// Every supported structure against the reference implementation.
TEST(TokenizerJsonGolden, StructuresEncodeAndDecodeAsInTokenizers) {
  const Json golden = read_json_file(kGoldenTokenizers / "tokenizer_json_cases.json");
  for (const Json& structure : golden["structures"]) {
    const Tokenizer tokenizer = load(structure["file"]);
    SCOPED_TRACE(structure["name"].get<std::string>());
    for (const Json& line : structure["cases"]) {
      const auto ids = line["ids"].get<std::vector<TokenId>>();
      EXPECT_EQ(tokenizer.encode(line["text"].get<std::string>()), ids) << line["text"];
      EXPECT_EQ(tokenizer.decode(ids), line["decoded"]) << line["text"];
      EXPECT_EQ(tokenizer.decode(ids, SpecialTokens::kKeep), line["decoded_all"]) << line["text"];
      EXPECT_EQ(streamed(tokenizer, ids), tokenizer.decode(ids)) << line["text"];
    }
    for (const Json& line : structure["broken"]) {
      const auto ids = line["ids"].get<std::vector<TokenId>>();
      EXPECT_EQ(tokenizer.decode(ids), line["decoded"]);
      streamed(tokenizer, ids);
    }
  }
}

// A text of random characters of all lengths in UTF-8, without control characters, which are not
// in the vocabulary of SmolLM2.
std::string random_text(std::mt19937& random) {
  std::string text = "x";
  for (auto left = random() % 40; left > 0; --left) {
    switch (random() % 5) {
      case 0:
        text += static_cast<char>(0x21 + random() % 0x5E);
        break;
      case 1:
        text += ' ';
        break;
      case 2:
        text += {static_cast<char>(0xC3 + random() % 8), static_cast<char>(0x80 + random() % 0x40)};
        break;
      case 3:
        text += {'\xE3', static_cast<char>(0x81 + random() % 2),
                 static_cast<char>(0x80 + random() % 0x40)};
        break;
      default:
        text += {'\xF0', '\x9F', static_cast<char>(0x80 + random() % 0x40),
                 static_cast<char>(0x80 + random() % 0x40)};
    }
  }
  return text;
}

TEST(TokenizerJsonProperty, RandomTextSurvivesARoundTripWholeAndStreamed) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_text(random);
    for (const Tokenizer* tokenizer : {&smollm2(), &mistral()}) {
      const std::vector<TokenId> ids = tokenizer->encode(text);
      EXPECT_EQ(tokenizer->decode(ids), text);
      EXPECT_EQ(streamed(*tokenizer, ids), text);
    }
  }
}

TEST(TokenizerJsonProperty, RandomIdsStreamInValidPieces) {
  std::mt19937 random(8);
  for (int i = 0; i < 300; ++i) {
    for (const Tokenizer* tokenizer : {&smollm2(), &mistral()}) {
      std::vector<TokenId> ids;
      for (auto left = random() % 20; left > 0; --left) {
        const TokenId limit = random() % 2 == 0 ? 300 : 32000;  // many bytes, or any token
        ids.push_back(static_cast<TokenId>(random() % 65536) % limit);
      }
      streamed(*tokenizer, ids);
    }
  }
}

TEST(TokenizerJson, KnowsItsSpecialTokens) {
  EXPECT_EQ(smollm2().bos_id(), 1);
  EXPECT_EQ(smollm2().eos_id(), 2);
  EXPECT_EQ(smollm2().id_of("<|im_start|>"), 1);
  EXPECT_EQ(smollm2().id_of("no such token"), std::nullopt);
  EXPECT_EQ(smollm2().vocab_size(), 49152U);
  EXPECT_TRUE(smollm2().is_special(2));
  EXPECT_EQ(mistral().vocab_size(), 32002U);
  EXPECT_EQ(mistral().pad_id(), 32001);
  EXPECT_EQ(mistral().token(40000), "");
  EXPECT_EQ(mistral().decode(std::vector<TokenId>{264, 50000}), "a");
}

TEST(TokenizerJson, IsPreferredOverTokenizerModel) {
  const TokenizerDirectory directory;
  directory.copy(kGoldenTokenizers / "mistral_v1/tokenizer.model");
  directory.write("tokenizer.json", small_file().dump());
  EXPECT_EQ(Tokenizer::load(directory.path()).vocab_size(), 6U);
}

TEST(TokenizerJson, MergesInTheOrderOfTheFileInBothSpellings) {
  const Tokenizer tokenizer = load(small_file());
  EXPECT_THAT(tokenizer.encode("abb ab<x>b"), ElementsAre(3, 4, 2, 5, 1));
}

TEST(TokenizerJson, AddBosOfTheConfigReplacesTheTemplate) {
  const TokenizerDirectory directory;
  Json file = small_file();
  file["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}],
    "special_tokens": {"<x>": {"id": "<x>", "ids": [5]}}})");
  directory.write("tokenizer.json", file.dump());
  EXPECT_THAT(Tokenizer::load(directory.path()).encode("a"), ElementsAre(5, 0));
  directory.write("tokenizer_config.json",
                  R"({"add_bos_token": false, "add_eos_token": true, "eos_token": "b"})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(0, 1));
  EXPECT_THAT(tokenizer.encode("a", AddBos::kNo), ElementsAre(0));
}

TEST(TokenizerJson, RoleTokenOfTheVocabularyIsAnAddedToken) {
  const TokenizerDirectory directory;
  directory.write("tokenizer.json", small_file().dump());
  directory.write("tokenizer_config.json", R"({"eos_token": "ab"})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_THAT(tokenizer.encode("abb"), ElementsAre(2, 1));
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{2, 1}), "b");
}

TEST(TokenizerJson, InvalidUtf8EncodesAsReplacementCharacters) {
  EXPECT_EQ(smollm2().encode("a\xFF"), smollm2().encode("a\xEF\xBF\xBD"));
  EXPECT_EQ(mistral().encode("a\xE3\x81"), mistral().encode("a\xEF\xBF\xBD"));
}

TEST(TokenizerJson, LongWordIsEncodedInReasonableTime) {
  const std::string text(200000, 'a');
  EXPECT_EQ(mistral().decode(mistral().encode(text)), text);
}

struct Damage {
  const char* place;  // JSON pointer
  const char* value;
  const char* message;
};

TEST(TokenizerJson, DamagedFileIsAnErrorThatNamesThePlace) {
  for (const Damage& damage : std::vector<Damage>{
           {"/model", "null", "model"},
           {"/model/vocab", "[]", "vocab"},
           {"/model/vocab", "{}", "no tokens"},
           {"/model/vocab/b", "0", "two tokens have one id"},
           {"/model/vocab/b", "-1", "expected a token id"},
           {"/model/vocab/b", "1.5", "expected a token id"},
           {"/model/vocab/b", "4000000000", "token id too large"},
           {"/model/merges", "7", "expected a list"},
           {"/model/merges/0", "7", "expected a pair"},
           {"/model/merges/0", R"("ab")", "one blank between"},
           {"/model/merges/0", R"("a b b")", "one blank between"},
           {"/model/merges/0", R"(["a"])", "expected a pair"},
           {"/model/merges/0", R"(["", "a"])", "merge with an empty token"},
           {"/model/merges/0", R"("a c")", "merge of a token that is not in the vocabulary"},
           {"/model/merges/0", R"("b a")", "merge to a token that is not in the vocabulary"},
           {"/model/unk_token", R"("zz")", "unknown token is not in the vocabulary"},
           {"/added_tokens", "7", "expected a list"},
           {"/added_tokens/0/id", "4000000000", "token id too large"},
           {"/added_tokens/0/id", "2", "another token's in the vocabulary"},
           {"/added_tokens/0/content", R"("b")", "another id in the vocabulary"},
           {"/added_tokens/1", R"({"id": 5, "content": "<y>"})", "two added tokens have one id"},
           {"/added_tokens/1", R"({"id": 6, "content": "<x>"})", "added token has two ids"},
           {"/decoder", R"({"type": "Sequence"})", "expected a list"},
           {"/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "("},
             "behavior": "Isolated"})",
            "no regular expression"}}) {
    Json file = small_file();
    file[Json::json_pointer(damage.place)] = Json::parse(damage.value);
    EXPECT_THAT(load_error(file), HasSubstr(damage.message)) << damage.place << damage.value;
  }
}

TEST(TokenizerJson, UnsupportedConstructIsNamed) {
  for (const Damage& damage :
       std::vector<Damage>{{"/model/type", R"("Unigram")", "tokenizer model is not supported"},
                           {"/model/dropout", "0.1", "BPE dropout is not supported"},
                           {"/model/end_of_word_suffix", R"("</w>")", "end_of_word_suffix"},
                           {"/normalizer", R"({"type": "BertNormalizer"})", "BertNormalizer"},
                           {"/pre_tokenizer", R"({"type": "Whitespace"})", "Whitespace"},
                           {"/pre_tokenizer", R"({"type": "Metaspace", "replacement": "_",
             "prepend_scheme": "last"})",
                            "last"},
                           {"/pre_tokenizer", R"({"type": "Split", "pattern": {"String": "a"},
             "behavior": "Doubled"})",
                            "Doubled"},
                           {"/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "\\h"},
             "behavior": "Isolated"})",
                            "\\h"},
                           {"/post_processor", R"({"type": "BertProcessing"})", "BertProcessing"},
                           {"/post_processor", R"({"type": "TemplateProcessing", "single": [],
             "special_tokens": {}})",
                            "the text once"},
                           {"/decoder", R"({"type": "WordPiece"})", "WordPiece"}}) {
    Json file = small_file();
    file[Json::json_pointer(damage.place)] = Json::parse(damage.value);
    EXPECT_THAT(load_error(file), HasSubstr(damage.message)) << damage.place << damage.value;
  }
}

TEST(TokenizerJson, DeepSequencesAreRefused) {
  Json file = small_file();
  Json inner = Json::parse(R"({"type": "NFC"})");
  for (int depth = 0; depth < 20; ++depth) {
    inner = {{"type", "Sequence"}, {"normalizers", Json::array({inner})}};
  }
  file["normalizer"] = inner;
  EXPECT_THAT(load_error(file), HasSubstr("16 deep"));
}

TEST(TokenizerJson, ExplodingTextAndEndlessExpressionsAreErrors) {
  Json file = small_file();
  const Json grow = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(100, 'a')}};
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({grow, grow, grow})}};
  EXPECT_THROW(static_cast<void>(load(file).encode("aaa")), Error);
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] =
      Json::parse(R"({"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"})");
  const Tokenizer tokenizer = load(file);
  EXPECT_THROW(static_cast<void>(tokenizer.encode(std::string(40, 'a') + "b")), Error);
}

}  // namespace
}  // namespace vlm
