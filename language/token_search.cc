#include "language/token_search.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "language/decoding_session.h"
#include "language/logits_rules.h"
#include "language/sampling.h"
#include "language/stoppable_text.h"
#include "tensor/maximum.h"
#include "tensor/normalization.h"

namespace vlm {
namespace {

// A prompt while it is continued.
class Continuation {
 public:
  // The search that this is a part of: all members must outlive it.
  struct Search {
    const Tokenizer* tokenizer = nullptr;
    const GenerationOptions* options = nullptr;
    const BatchTextSink* on_text = nullptr;
  };

  Continuation(const Search& search, const GenerationPrompt& prompt, std::size_t index,
               KvCache cache)
      : search_(search),
        index_(index),
        ids_(prompt.ids),
        prompt_tokens_(prompt.ids.size()),
        random_stream_(prompt.random_stream),
        cache_(std::move(cache)) {
    const bool needs_text = !search.options->stop.empty() || *search.on_text;
    if (needs_text) text_.emplace(*search.tokenizer, search.options->stop);
  }

  [[nodiscard]] KvCache& cache() noexcept { return cache_; }
  [[nodiscard]] TokenId last_id() const noexcept { return ids_.back(); }

  // Chooses the next token by its logits [vocab], which the rules change. Touches nothing that
  // continuations share.
  void choose(std::span<float> logits) {
    apply_rules(*search_.options, ids_, num_new(), logits);
    chosen_ = choose_id(logits);
    score_ += double{logits[static_cast<std::size_t>(chosen_)]} - log_sum_exp(logits);
  }

  // Takes the chosen token. Returns whether the text goes on.
  bool advance() {
    const bool goes_on = append(chosen_);
    if (!goes_on && text_) emit(text_->finish());
    return goes_on;
  }

  [[nodiscard]] Generation result() const {
    Generation generation;
    generation.ids.assign(ids_.begin() + static_cast<std::ptrdiff_t>(prompt_tokens_), ids_.end());
    if (text_) {
      generation.text = text_->text();
    } else if (search_.tokenizer != nullptr) {
      generation.text = search_.tokenizer->decode(generation.ids);
    }
    generation.score = score_;
    generation.finish = finish_;
    return generation;
  }

 private:
  [[nodiscard]] std::size_t num_new() const noexcept { return ids_.size() - prompt_tokens_; }

  [[nodiscard]] TokenId choose_id(std::span<float> logits) const {
    if (search_.options->temperature > 0.0) {
      return sample_token(*search_.options, random_stream_, num_new(), logits);
    }
    const std::size_t best = index_of_largest(logits);
    if (best == logits.size()) throw Error(ErrorCode::kCorruptFile, "model: all logits are NaN");
    return static_cast<TokenId>(best);
  }

  // Returns whether the text goes on after the token.
  bool append(TokenId id) {
    const std::vector<TokenId>& ends = search_.options->eos_ids;
    if (std::ranges::find(ends, id) != ends.end()) {
      finish_ = FinishReason::kEndToken;
      return false;
    }
    ids_.push_back(id);
    if (text_) {
      emit(text_->push(id));
      if (text_->has_stopped()) {
        finish_ = FinishReason::kStopText;
        return false;
      }
    }
    return num_new() < search_.options->max_tokens;
  }

  void emit(const std::string& piece) const {
    if (*search_.on_text && !piece.empty()) (*search_.on_text)(index_, piece);
  }

  Search search_;
  std::size_t index_;         // of the prompt in the batch
  std::vector<TokenId> ids_;  // prompt and new
  std::size_t prompt_tokens_;
  std::uint64_t random_stream_;
  KvCache cache_;
  std::optional<StoppableText> text_;  // only if there are stop texts or somebody listens
  TokenId chosen_ = 0;
  double score_ = 0.0;
  FinishReason finish_ = FinishReason::kLength;
};

// Lets every active sequence choose; row i of logits [active, vocab] is active[i]'s.
// Keeps those that go on. Texts are given out on the calling thread, in the order of the batch.
void choose_all(std::vector<Continuation*>& active, MatrixView<float> logits, ThreadPool& pool) {
  pool.parallel_for(active.size(), [&](std::size_t i) { active[i]->choose(logits.row(i)); });
  std::erase_if(active, [](Continuation* continuation) { return !continuation->advance(); });
}

}  // namespace

std::vector<Generation> token_search(const Decoder& decoder, const Tokenizer* tokenizer,
                                     std::span<const GenerationPrompt* const> prompts,
                                     const GenerationOptions& options, const BatchTextSink& on_text,
                                     ThreadPool& pool) {
  const Continuation::Search search{tokenizer, &options, &on_text};
  std::vector<Continuation> continuations;
  continuations.reserve(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    continuations.emplace_back(search, *prompts[i], i, decoder.make_cache());
  }
  std::vector<Continuation*> active;
  std::vector<KvCache*> caches;
  std::vector<TokenId> ids;
  for (Continuation& continuation : continuations) {
    active.push_back(&continuation);
    caches.push_back(&continuation.cache());
  }
  DecodingSession session(decoder, pool);
  choose_all(active, session.start(prompts, caches), pool);
  while (!active.empty()) {
    caches.clear();
    ids.clear();
    for (Continuation* continuation : active) {
      caches.push_back(&continuation->cache());
      ids.push_back(continuation->last_id());
    }
    choose_all(active, session.advance(ids, caches), pool);
  }
  std::vector<Generation> results;
  results.reserve(continuations.size());
  for (const Continuation& continuation : continuations) results.push_back(continuation.result());
  return results;
}

}  // namespace vlm
