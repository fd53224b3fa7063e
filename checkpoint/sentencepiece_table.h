#pragma once

// The vocabulary inside a tokenizer.model, for writing it in another format. Encoding text is done
// by language/ with SentencePiece itself.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

// The numbers are those of sentencepiece_model.proto.
enum class PieceType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

struct SentencePiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

struct SentencePieceTable {
  std::vector<SentencePiece> pieces;  // by id
  bool is_bpe = false;                // else unigram, words or characters
  bool adds_prefix = true;            // a blank is put in front of a text
};

// Parses the protocol buffer. Throws Error{kCorruptFile} naming `where`.
SentencePieceTable parse_sentencepiece_table(std::string_view bytes, const std::string& where);

}  // namespace vlm
