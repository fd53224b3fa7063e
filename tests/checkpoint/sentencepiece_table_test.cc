#include "checkpoint/sentencepiece_table.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

std::string message(int number, const std::string& content) {
  return std::string(1, static_cast<char>(number * 8 + 2)) +
         std::string(1, static_cast<char>(content.size())) + content;
}

const std::string kPiece = message(1, message(1, "ab") + std::string("\x15\0\0\x20\xc1\x18\4", 7));

TEST(SentencePieceTable, ReadsPiecesScoresAndTypes) {
  const SentencePieceTable table =
      parse_sentencepiece_table(message(1, message(1, "x")) + kPiece, "t");
  ASSERT_EQ(table.pieces.size(), 2U);
  EXPECT_EQ(table.pieces[0].text, "x");
  EXPECT_EQ(table.pieces[0].type, PieceType::kNormal) << "the default";
  EXPECT_EQ(table.pieces[1].text, "ab");
  EXPECT_EQ(table.pieces[1].score, -10);
  EXPECT_EQ(table.pieces[1].type, PieceType::kUserDefined);
  EXPECT_FALSE(table.is_bpe);
  EXPECT_TRUE(table.adds_prefix);
}

TEST(SentencePieceTable, ReadsKindAndPrefix) {
  const SentencePieceTable table = parse_sentencepiece_table(
      kPiece + message(2, std::string("\x18\2", 2)) + message(3, std::string("\x18\0", 2)), "t");
  EXPECT_TRUE(table.is_bpe);
  EXPECT_FALSE(table.adds_prefix);
}

TEST(SentencePieceTable, ReadsABundledModel) {
  const std::filesystem::path file =
      std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/ja-lm/tokenizer.model";
  const SentencePieceTable table = parse_sentencepiece_table(read_text_file(file), file.string());
  EXPECT_EQ(table.pieces.size(), 2560U);
  EXPECT_EQ(table.pieces[2482].text, "猫");
  EXPECT_EQ(table.pieces[3].type, PieceType::kByte);
  EXPECT_TRUE(table.is_bpe);
}

TEST(SentencePieceTable, RefusesWhatIsNoModel) {
  const auto refusal = [](const std::string& bytes) -> std::string {
    try {
      parse_sentencepiece_table(bytes, "t.model");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(""), "no SentencePiece model: t.model: no pieces");
  EXPECT_THAT(refusal("\x0a\x7f"), testing::HasSubstr("a field ends beyond the data"));
  EXPECT_THAT(refusal(std::string(12, '\xff')), testing::HasSubstr("more than 64 bits"));
  EXPECT_THAT(refusal("\x0b"), testing::HasSubstr("unknown wire type 3"));
  EXPECT_THAT(refusal(message(1, std::string("\x18\7", 2))), testing::HasSubstr("unknown type"));
}

}  // namespace
}  // namespace vlm
