#include "language/sentencepiece_model.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

const std::filesystem::path kData = std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer";

std::unique_ptr<SubwordModel> load_mistral() {
  const std::filesystem::path path = kData / "mistral_v1/tokenizer.model";
  return parse_sentencepiece_model(read_text_file(path), path);
}

TEST(SentencePieceGolden, IdsPiecesAndTextsAreEqual) {
  const auto model = load_mistral();
  std::ifstream file(kData / "sentencepiece.jsonl");
  std::size_t compared = 0;
  for (std::string text; std::getline(file, text); ++compared) {
    const Json line = Json::parse(text);
    const std::vector<TokenId> ids = model->encode(line["text"].get<std::string>());
    EXPECT_EQ(ids, line["ids"].get<std::vector<TokenId>>()) << line["id"];
    std::vector<std::string> pieces;
    for (const TokenId id : ids) pieces.push_back(model->token(id));
    EXPECT_EQ(pieces, line["pieces"].get<std::vector<std::string>>()) << line["id"];
    EXPECT_EQ(model->decode(ids), line["decoded"]) << line["id"];
  }
  EXPECT_EQ(compared, 200U);
}

TEST(SentencePieceModel, KnowsItsVocabulary) {
  const auto model = load_mistral();
  EXPECT_EQ(model->size(), 32000U);
  EXPECT_EQ(model->find("<0x0A>"), 13);
  EXPECT_EQ(model->find("no such piece"), std::nullopt);
  EXPECT_EQ(model->find("<unk>"), 0);
  EXPECT_TRUE(model->is_control(0));
  EXPECT_TRUE(model->is_control(1));
  EXPECT_FALSE(model->is_control(13));
}

}  // namespace
}  // namespace vlm
