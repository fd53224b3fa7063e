#include "language/bpe_model.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "language/byte_token.h"

namespace vlm {
namespace {

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U |
         static_cast<std::uint32_t>(right);
}

// The bytes of the character that starts with `first`.
std::size_t character_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte < 0xC0) return 1;
  return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

// The symbols of a word as a linked list, and the merges that are possible, best first.
class BpeWord {
 public:
  BpeWord(const BpeModel& model, std::span<const TokenId> characters) : model_(&model) {
    symbols_.reserve(characters.size());
    for (std::size_t i = 0; i < characters.size(); ++i) {
      const std::size_t next = i + 1 < characters.size() ? i + 1 : kNone;
      symbols_.push_back({characters[i], i > 0 ? i - 1 : kNone, next, true});
    }
    for (std::size_t i = 0; i + 1 < characters.size(); ++i) offer(i);
  }

  void merge_all() {
    while (!candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      if (is_current(best)) merge(best);
    }
  }

  void append_to(std::vector<TokenId>& ids) const {
    for (std::size_t i = symbols_.empty() ? kNone : 0; i != kNone; i = symbols_[i].next) {
      ids.push_back(symbols_[i].id);
    }
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Symbol {
    TokenId id = 0;
    std::size_t previous = kNone;
    std::size_t next = kNone;
    bool alive = false;  // not yet merged into the one before it
  };

  struct Candidate {
    std::size_t rank = 0;
    std::size_t at = 0;  // the left symbol
    TokenId result = 0;

    // For a queue with the lowest rank, then the leftmost first.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  void offer(std::size_t left) {
    const std::size_t right = symbols_[left].next;
    if (right == kNone) return;
    const auto* merge = model_->merge_of(symbols_[left].id, symbols_[right].id);
    if (merge != nullptr) candidates_.push({merge->rank, left, merge->result});
  }

  // Whether the pair is still what it was when it was offered.
  [[nodiscard]] bool is_current(const Candidate& candidate) const {
    const Symbol& left = symbols_[candidate.at];
    if (!left.alive || left.next == kNone) return false;
    const auto* merge = model_->merge_of(left.id, symbols_[left.next].id);
    return merge != nullptr && merge->result == candidate.result;
  }

  void merge(const Candidate& candidate) {
    Symbol& left = symbols_[candidate.at];
    Symbol& right = symbols_[left.next];
    left.id = candidate.result;
    left.next = right.next;
    right.alive = false;
    if (left.next != kNone) symbols_[left.next].previous = candidate.at;
    if (left.previous != kNone) offer(left.previous);
    offer(candidate.at);
  }

  const BpeModel* model_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> candidates_;
};

BpeModel::BpeModel(Vocabulary vocabulary, std::span<const BpeMerge> merges,
                   const BpeOptions& options)
    : vocabulary_(std::move(vocabulary)), options_(options) {
  spellings_.reserve(vocabulary_.size());
  for (const auto& [text, id] : vocabulary_) {
    spellings_.emplace(id, text);
    id_limit_ = std::max(id_limit_, static_cast<std::size_t>(id) + 1);
  }
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    merges_[pair_key(merges[rank].left, merges[rank].right)] = {rank, merges[rank].result};
  }
  for (std::size_t byte = 0; byte < bytes_.size(); ++byte) {
    bytes_[byte] = find(byte_token(static_cast<unsigned char>(byte)));
  }
}

const BpeModel::RankedResult* BpeModel::merge_of(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::optional<TokenId> BpeModel::find(std::string_view token) const {
  const auto found = vocabulary_.find(token);
  return found == vocabulary_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string_view> BpeModel::token(TokenId id) const {
  const auto found = spellings_.find(id);
  return found == spellings_.end() ? std::nullopt : std::optional(found->second);
}

bool BpeModel::append_bytes(std::string_view character, std::vector<TokenId>& ids) const {
  const auto token_of = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
  const bool all_known = std::all_of(character.begin(), character.end(),
                                     [&](char byte) { return token_of(byte).has_value(); });
  if (!all_known) return false;
  for (const char byte : character) ids.push_back(*token_of(byte));
  return true;
}

// As in the reference, an unknown token is appended when the next known character comes, so bytes
// may stand before it.
std::vector<TokenId> BpeModel::characters(std::string_view word) const {
  std::vector<TokenId> ids;
  ids.reserve(word.size());
  bool unknown_pending = false;
  const auto flush = [&] {
    if (unknown_pending) ids.push_back(*options_.unknown);
    unknown_pending = false;
  };
  while (!word.empty()) {
    const std::string_view character = word.substr(0, character_bytes(word[0]));
    word.remove_prefix(character.size());
    if (const std::optional<TokenId> id = find(character)) {
      flush();
      ids.push_back(*id);
    } else if (!(options_.byte_fallback && append_bytes(character, ids)) && options_.unknown) {
      if (!options_.fuse_unknown) flush();
      unknown_pending = true;
    }
  }
  flush();
  return ids;
}

void BpeModel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  if (options_.ignore_merges) {
    if (const std::optional<TokenId> id = find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  const std::vector<TokenId> symbols = characters(word);
  BpeWord parts(*this, symbols);
  parts.merge_all();
  parts.append_to(ids);
}

}  // namespace vlm
