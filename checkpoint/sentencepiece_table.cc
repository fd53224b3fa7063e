#include "checkpoint/sentencepiece_table.h"

#include <bit>
#include <cstddef>

#include "core/error.h"

namespace vlm {
namespace {

// How a field of a protocol buffer is stored.
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // of numbers
  std::string_view bytes;   // of texts and messages
};

// Reads the fields of a message one after the other.
class MessageReader {
 public:
  MessageReader(std::string_view bytes, const std::string& where) : left_(bytes), where_(&where) {}

  // False at the end.
  bool next(Field& field) {
    if (left_.empty()) return false;
    const std::uint64_t key = varint();
    field.number = key >> 3U;
    field.type = static_cast<WireType>(key & 7U);
    switch (field.type) {
      case WireType::kVarint:
        field.value = varint();
        return true;
      case WireType::kFixed64:
        field.value = fixed(8);
        return true;
      case WireType::kFixed32:
        field.value = fixed(4);
        return true;
      case WireType::kBytes:
        field.bytes = take(varint());
        return true;
    }
    fail("unknown wire type " + std::to_string(key & 7U));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorruptFile, "no SentencePiece model: " + *where_ + ": " + what);
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > left_.size()) fail("a field ends beyond the data");
    const std::string_view taken = left_.substr(0, static_cast<std::size_t>(count));
    left_.remove_prefix(static_cast<std::size_t>(count));
    return taken;
  }

  std::uint64_t fixed(std::size_t size) {
    const std::string_view bytes = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
  }

  std::uint64_t varint() {
    constexpr unsigned kBits = 64;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < kBits; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    fail("a number of more than 64 bits");
  }

  std::string_view left_;
  const std::string* where_;
};

SentencePiece parse_piece(std::string_view bytes, const std::string& where) {
  SentencePiece piece;
  MessageReader reader(bytes, where);
  Field field;
  while (reader.next(field)) {
    if (field.number == 1 && field.type == WireType::kBytes) piece.text = field.bytes;
    if (field.number == 2 && field.type == WireType::kFixed32) {
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    }
    if (field.number == 3 && field.type == WireType::kVarint) {
      if (field.value < 1 || field.value > 6) {
        reader.fail("unknown type of piece " + std::to_string(field.value));
      }
      piece.type = static_cast<PieceType>(field.value);
    }
  }
  return piece;
}

// The number in a field of a message, or the default that the format states.
std::uint64_t number_in(std::string_view message, std::uint64_t number, std::uint64_t fallback,
                        const std::string& where) {
  MessageReader reader(message, where);
  Field field;
  std::uint64_t value = fallback;
  while (reader.next(field)) {
    if (field.number == number && field.type == WireType::kVarint) value = field.value;
  }
  return value;
}

}  // namespace

SentencePieceTable parse_sentencepiece_table(std::string_view bytes, const std::string& where) {
  constexpr std::uint64_t kPieces = 1;
  constexpr std::uint64_t kTrainerSpec = 2;
  constexpr std::uint64_t kNormalizerSpec = 3;
  constexpr std::uint64_t kModelType = 3;  // of the trainer: 1 unigram, 2 BPE
  constexpr std::uint64_t kBpe = 2;
  constexpr std::uint64_t kAddDummyPrefix = 3;  // of the normaliser
  SentencePieceTable table;
  MessageReader reader(bytes, where);
  Field field;
  while (reader.next(field)) {
    if (field.type != WireType::kBytes) continue;
    if (field.number == kPieces) table.pieces.push_back(parse_piece(field.bytes, where));
    if (field.number == kTrainerSpec) {
      table.is_bpe = number_in(field.bytes, kModelType, 1, where) == kBpe;
    }
    if (field.number == kNormalizerSpec) {
      table.adds_prefix = number_in(field.bytes, kAddDummyPrefix, 1, where) != 0;
    }
  }
  if (table.pieces.empty()) reader.fail("no pieces");
  return table;
}

}  // namespace vlm
