#include "language/greedy_search.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "language/decoding_session.h"
#include "language/logits_rules.h"
#include "language/text_stream.h"
#include "tensor/normalization.h"

namespace vlm {
namespace {

// The place of the first stop text in `text` at or after `from`.
std::optional<std::size_t> find_stop(const std::string& text, std::size_t from,
                                     const std::vector<std::string>& stops) {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop, from));
  if (first == std::string::npos) return std::nullopt;
  return first;
}

// A prompt while it is continued.
class Continuation {
 public:
  Continuation(const Decoder& decoder, const Tokenizer* tokenizer, const GenerationPrompt& prompt,
               const GenerationOptions& options)
      : options_(&options),
        tokenizer_(tokenizer),
        ids_(prompt.ids),
        prompt_tokens_(prompt.ids.size()),
        cache_(decoder.make_cache()) {
    if (!options.stop.empty()) stream_.emplace(*tokenizer);
  }

  [[nodiscard]] KvCache& cache() noexcept { return cache_; }
  [[nodiscard]] TokenId last_id() const noexcept { return ids_.back(); }

  // Chooses the next token by its logits [vocab], which the rules change.
  // Returns whether the text goes on.
  bool choose(std::span<float> logits) {
    apply_rules(*options_, ids_, num_new(), logits);
    const auto best = std::max_element(logits.begin(), logits.end());
    const auto id = static_cast<TokenId>(best - logits.begin());
    score_ += double{*best} - log_sum_exp(logits);
    if (std::ranges::find(options_->eos_ids, id) != options_->eos_ids.end()) {
      finish_ = FinishReason::kEndToken;
      return false;
    }
    ids_.push_back(id);
    if (stream_ && reaches_stop_text(id)) {
      finish_ = FinishReason::kStopText;
      return false;
    }
    return num_new() < options_->max_tokens;
  }

  [[nodiscard]] Generation result() const {
    Generation generation;
    generation.ids.assign(ids_.begin() + static_cast<std::ptrdiff_t>(prompt_tokens_), ids_.end());
    if (stop_at_) {
      generation.text = stream_->text().substr(0, *stop_at_);
    } else if (tokenizer_ != nullptr) {
      generation.text = tokenizer_->decode(generation.ids);
    }
    generation.score = score_;
    generation.finish = finish_;
    return generation;
  }

 private:
  [[nodiscard]] std::size_t num_new() const noexcept { return ids_.size() - prompt_tokens_; }

  bool reaches_stop_text(TokenId id) {
    std::size_t longest = 0;
    for (const std::string& stop : options_->stop) longest = std::max(longest, stop.size());
    const std::size_t known = stream_->text().size();
    stream_->push(id);
    stop_at_ = find_stop(stream_->text(), known - std::min(known, longest - 1), options_->stop);
    return stop_at_.has_value();
  }

  const GenerationOptions* options_;
  const Tokenizer* tokenizer_;
  std::vector<TokenId> ids_;  // prompt and new
  std::size_t prompt_tokens_;
  KvCache cache_;
  std::optional<TextStream> stream_;  // only if there are stop texts
  std::optional<std::size_t> stop_at_;
  double score_ = 0.0;
  FinishReason finish_ = FinishReason::kLength;
};

// Lets every active sequence choose; row i of logits [active, vocab] is active[i]'s.
// Keeps those that go on.
void choose_all(std::vector<Continuation*>& active, MatrixView<float> logits) {
  std::vector<Continuation*> going_on;
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (active[i]->choose(logits.row(i))) going_on.push_back(active[i]);
  }
  active = std::move(going_on);
}

}  // namespace

std::vector<Generation> greedy_search(const Decoder& decoder, const Tokenizer* tokenizer,
                                      std::span<const GenerationPrompt* const> prompts,
                                      const GenerationOptions& options, ThreadPool& pool) {
  std::vector<Continuation> continuations;
  continuations.reserve(prompts.size());
  for (const GenerationPrompt* prompt : prompts) {
    continuations.emplace_back(decoder, tokenizer, *prompt, options);
  }
  std::vector<Continuation*> active;
  std::vector<KvCache*> caches;
  std::vector<TokenId> ids;
  for (Continuation& continuation : continuations) {
    active.push_back(&continuation);
    caches.push_back(&continuation.cache());
  }
  DecodingSession session(decoder, pool);
  choose_all(active, session.start(prompts, caches));
  while (!active.empty()) {
    caches.clear();
    ids.clear();
    for (Continuation* continuation : active) {
      caches.push_back(&continuation->cache());
      ids.push_back(continuation->last_id());
    }
    choose_all(active, session.advance(ids, caches));
  }
  std::vector<Generation> results;
  results.reserve(continuations.size());
  for (const Continuation& continuation : continuations) results.push_back(continuation.result());
  return results;
}

}  // namespace vlm
