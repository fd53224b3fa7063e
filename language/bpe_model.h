#pragma once

// Byte pair encoding: characters of a word are joined, pair by pair, in the order in which training
// found the pairs. Sennrich et al., ACL 2016.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "language/token_id.h"

namespace vlm {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

using Vocabulary = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

// The pair of tokens `left` `right` becomes the token `result`.
struct BpeMerge {
  TokenId left = 0;
  TokenId right = 0;
  TokenId result = 0;
};

struct BpeOptions {
  std::optional<TokenId> unknown;  // for characters that are not in the vocabulary
  bool fuse_unknown = false;       // neighbouring unknown characters are one token
  bool byte_fallback = false;      // unknown characters become bytes, "<0xE3>"
  bool ignore_merges = false;      // a word that is in the vocabulary is one token
};

// Immutable: all functions may be called from several threads at once.
class BpeModel {
 public:
  // `merges` in the order of their rank; of a pair that occurs twice the last one counts, as in the
  // reference. REQUIRES: ids are >= 0, different, and those of merges are in the vocabulary.
  BpeModel(Vocabulary vocabulary, std::span<const BpeMerge> merges, const BpeOptions& options);
  ~BpeModel() = default;
  BpeModel(BpeModel&&) = default;
  BpeModel& operator=(BpeModel&&) = default;
  BpeModel(const BpeModel&) = delete;
  BpeModel& operator=(const BpeModel&) = delete;

  // One more than the largest id.
  [[nodiscard]] std::size_t id_limit() const noexcept { return id_limit_; }
  // Appends the ids of a word, O(n log n) for n characters. A character that is not in the
  // vocabulary and cannot be replaced gives nothing. REQUIRES: valid UTF-8.
  void encode(std::string_view word, std::vector<TokenId>& ids) const;
  [[nodiscard]] std::optional<TokenId> find(std::string_view token) const;
  // The spelling of an id; nothing if no token has it.
  [[nodiscard]] std::optional<std::string_view> token(TokenId id) const;

 private:
  struct RankedResult {
    std::size_t rank = 0;
    TokenId result = 0;
  };

  [[nodiscard]] const RankedResult* merge_of(TokenId left, TokenId right) const;
  [[nodiscard]] std::vector<TokenId> characters(std::string_view word) const;
  [[nodiscard]] bool append_bytes(std::string_view character, std::vector<TokenId>& ids) const;

  Vocabulary vocabulary_;
  std::unordered_map<TokenId, std::string_view> spellings_;  // views of vocabulary_
  std::unordered_map<std::uint64_t, RankedResult> merges_;   // by pair
  std::array<std::optional<TokenId>, 256> bytes_;            // tokens "<0x00>" ... "<0xFF>"
  BpeOptions options_;
  std::size_t id_limit_ = 0;

  friend class BpeWord;
};

}  // namespace vlm
