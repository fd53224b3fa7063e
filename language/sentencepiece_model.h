#pragma once

// A SentencePiece model (tokenizer.model), BPE or unigram. Kudo & Richardson, EMNLP 2018.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/token_id.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace vlm {

// Whether a blank is put before a text, so that its first word is spelled as others are.
enum class DummyPrefix : std::uint8_t { kAsModelSays, kNo };

// Immutable: all functions may be called from several threads at once.
class SentencePieceModel {
 public:
  // Parses the bytes of a tokenizer.model; `where` is for messages. Throws Error{kCorruptFile}.
  SentencePieceModel(std::string_view bytes, const std::filesystem::path& where,
                     DummyPrefix prefix = DummyPrefix::kAsModelSays);
  ~SentencePieceModel();
  SentencePieceModel(SentencePieceModel&&) noexcept;
  SentencePieceModel& operator=(SentencePieceModel&&) noexcept;
  SentencePieceModel(const SentencePieceModel&) = delete;
  SentencePieceModel& operator=(const SentencePieceModel&) = delete;

  // Ids are 0 ... size() - 1.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The ids of text that holds no added token. Bytes that are no UTF-8 become U+FFFD.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;
  // The text of a run of ids; broken UTF-8 becomes U+FFFD. REQUIRES: 0 <= id < size().
  [[nodiscard]] std::string decode(std::span<const TokenId> ids) const;
  // The entry of an id as the vocabulary spells it, e.g. "▁猫". REQUIRES: 0 <= id < size().
  [[nodiscard]] std::string token(TokenId id) const;
  // The id of a vocabulary entry.
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const;
  // Whether the token stands for no text of its own, such as "<s>". REQUIRES: 0 <= id < size().
  [[nodiscard]] bool is_control(TokenId id) const;

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::size_t size_;
};

}  // namespace vlm
