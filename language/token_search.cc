#include "language/token_search.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "language/batch_engine.h"
#include "language/logits_rules.h"
#include "language/sampling.h"
#include "language/stoppable_text.h"
#include "tensor/maximum.h"
#include "tensor/normalization.h"

namespace vlm {
namespace {

// A prompt while it is continued.
class Continuation : public PromptSearch {
 public:
  // What the continuations of a batch have in common: all members must outlive them.
  struct Shared {
    const Tokenizer* tokenizer = nullptr;
    const GenerationOptions* options = nullptr;
    const BatchTextSink* on_text = nullptr;
  };

  Continuation(const Shared& shared, const GenerationPrompt& prompt, std::size_t index,
               KvCache cache)
      : shared_(shared),
        index_(index),
        ids_(prompt.ids),
        prompt_tokens_(prompt.ids.size()),
        random_stream_(prompt.random_stream),
        cache_(std::move(cache)) {
    const bool needs_text = !shared.options->stop.empty() || *shared.on_text;
    if (needs_text) text_.emplace(*shared.tokenizer, shared.options->stop);
  }

  KvCache& cache() override { return cache_; }

  void append_next(std::vector<NextToken>& next) override {
    next.push_back({&cache_, ids_.back()});
  }

  void choose(MatrixView<float> all_logits) override {
    const std::span<float> logits = all_logits.row(0);
    apply_rules(*shared_.options, ids_, num_new(), logits);
    chosen_ = choose_id(logits);
    score_ += double{logits[static_cast<std::size_t>(chosen_)]} - log_sum_exp(logits);
  }

  bool advance() override {
    const bool goes_on = append(chosen_);
    if (!goes_on && text_) emit(text_->finish());
    return goes_on;
  }

  [[nodiscard]] Generation result() const {
    Generation generation;
    generation.ids.assign(ids_.begin() + static_cast<std::ptrdiff_t>(prompt_tokens_), ids_.end());
    if (text_) {
      generation.text = text_->text();
    } else if (shared_.tokenizer != nullptr) {
      generation.text = shared_.tokenizer->decode(generation.ids);
    }
    generation.score = score_;
    generation.finish = finish_;
    return generation;
  }

 private:
  [[nodiscard]] std::size_t num_new() const noexcept { return ids_.size() - prompt_tokens_; }

  [[nodiscard]] TokenId choose_id(std::span<float> logits) const {
    if (shared_.options->temperature > 0.0) {
      return sample_token(*shared_.options, random_stream_, num_new(), logits);
    }
    return static_cast<TokenId>(index_of_largest(logits));
  }

  // Returns whether the text goes on after the token.
  bool append(TokenId id) {
    const std::vector<TokenId>& ends = shared_.options->eos_ids;
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
    return num_new() < shared_.options->max_tokens;
  }

  void emit(const std::string& piece) const {
    if (*shared_.on_text && !piece.empty()) (*shared_.on_text)(index_, piece);
  }

  Shared shared_;
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

}  // namespace

std::vector<Generation> token_search(const Decoder& decoder, const Tokenizer* tokenizer,
                                     const PromptBatch& batch, const GenerationOptions& options,
                                     const BatchTextSink& on_text, ThreadPool& pool) {
  const Continuation::Shared shared{tokenizer, &options, &on_text};
  std::vector<Generation> results(batch.prompts.size());
  BatchWork work;
  work.batch = batch;
  work.begin = [&](std::size_t i) {
    return std::make_unique<Continuation>(shared, *batch.prompts[i], i, decoder.make_cache());
  };
  work.end = [&](std::size_t i, PromptSearch& search) {
    results[i] = static_cast<Continuation&>(search).result();
  };
  run_batch(decoder, work, pool);
  return results;
}

}  // namespace vlm
