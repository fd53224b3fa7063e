#include "language/sentencepiece_model.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

const std::filesystem::path kData = std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer";

SentencePieceModel load_model(const std::string& name) {
  const std::filesystem::path path = kData / name / "tokenizer.model";
  return {read_text_file(path), path};
}

// Returns how many cases there are.
std::size_t compare_with_golden(const SentencePieceModel& model, const std::string& cases) {
  std::ifstream file(kData / cases);
  std::size_t compared = 0;
  for (std::string text; std::getline(file, text); ++compared) {
    const Json line = Json::parse(text);
    const std::vector<TokenId> ids = model.encode(line["text"].get<std::string>());
    EXPECT_EQ(ids, line["ids"].get<std::vector<TokenId>>()) << line["text"];
    std::vector<std::string> pieces;
    for (const TokenId id : ids) pieces.push_back(model.token(id));
    EXPECT_EQ(pieces, line["pieces"].get<std::vector<std::string>>()) << line["text"];
    EXPECT_EQ(model.decode(ids), line["decoded"]) << line["text"];
  }
  return compared;
}

TEST(SentencePieceGolden, IdsPiecesAndTextsOfABpeModelAreEqual) {
  EXPECT_EQ(compare_with_golden(load_model("mistral_v1"), "sentencepiece.jsonl"), 200U);
}

TEST(SentencePieceGolden, IdsPiecesAndTextsOfAUnigramModelAreEqual) {
  EXPECT_EQ(compare_with_golden(load_model("unigram"), "unigram/cases.jsonl"), 13U);
}

TEST(SentencePieceModel, KnowsItsVocabulary) {
  const auto model = load_model("mistral_v1");
  EXPECT_EQ(model.size(), 32000U);
  EXPECT_EQ(model.find("<0x0A>"), 13);
  EXPECT_EQ(model.find("no such piece"), std::nullopt);
  EXPECT_EQ(model.find("<unk>"), 0);
  EXPECT_TRUE(model.is_control(0));
  EXPECT_TRUE(model.is_control(1));
  EXPECT_FALSE(model.is_control(13));
}

TEST(SentencePieceModel, WithoutDummyPrefixOnlyTheFirstBlankIsMissing) {
  const std::filesystem::path path = kData / "mistral_v1/tokenizer.model";
  const SentencePieceModel model(read_text_file(path), path, DummyPrefix::kNo);
  EXPECT_EQ(model.encode(" a b"), load_model("mistral_v1").encode("a b"));
  EXPECT_EQ(model.decode(model.encode(" a b")), " a b");
}

TEST(SentencePieceModel, APieceThatBeginsWithAZeroByteIsAnError) {
  using std::string_literals::operator""s;
  const std::string piece = "\n\3\0a\0\x18\1"s;
  const std::string unknown = "\n\5<unk>\x18\2";
  const std::string model = "\n\x9" + unknown + "\n\7" + piece;
  EXPECT_THROW(SentencePieceModel(model, "tokenizer.model"), Error);
}

}  // namespace
}  // namespace vlm
