#include "language/beam_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "language/batch_engine.h"
#include "language/logits_rules.h"
#include "tensor/normalization.h"

namespace vlm {
namespace {

// A sequence that can still grow.
struct Beam {
  std::vector<TokenId> ids;  // prompt and new
  double log_probability = 0.0;
  KvCache cache;
};

// A beam extended by one token.
struct Candidate {
  double log_probability = 0.0;
  std::size_t beam = 0;
  TokenId id = 0;
};

bool is_better(const Candidate& a, const Candidate& b) {
  return a.log_probability > b.log_probability;
}

// The best candidates seen, best first; of equal ones those seen first.
class BestCandidates {
 public:
  explicit BestCandidates(std::size_t capacity) : capacity_(capacity) {}

  void offer(const Candidate& candidate) {
    if (best_.size() == capacity_ && !is_better(candidate, best_.back())) return;
    if (best_.size() == capacity_) best_.pop_back();
    best_.insert(std::upper_bound(best_.begin(), best_.end(), candidate, is_better), candidate);
  }
  [[nodiscard]] const std::vector<Candidate>& list() const noexcept { return best_; }

 private:
  std::size_t capacity_;
  std::vector<Candidate> best_;
};

// The search for one prompt.
class BeamSearch : public PromptSearch {
 public:
  BeamSearch(const Decoder& decoder, const GenerationPrompt& prompt,
             const GenerationOptions& options)
      : options_(&options), prompt_tokens_(prompt.ids.size()) {
    beams_.push_back({prompt.ids, 0.0, decoder.make_cache()});
  }

  [[nodiscard]] const std::vector<BeamHypothesis>& complete() const noexcept { return complete_; }

  KvCache& cache() override { return beams_.front().cache; }

  void append_next(std::vector<NextToken>& next) override {
    for (Beam& beam : beams_) next.push_back({&beam.cache, beam.ids.back()});
  }

  void choose(MatrixView<float> logits) override { goes_on_ = extend(logits); }

  bool advance() override { return goes_on_; }

 private:
  // Extends all beams by their logits [beams, vocab]. Returns whether the search goes on.
  bool extend(MatrixView<float> logits) {
    const std::vector<Candidate> candidates = best_candidates(logits);
    const std::size_t length = num_new() + 1;
    const bool is_full_length = length >= options_->max_tokens;
    std::vector<Candidate> growing;
    for (std::size_t rank = 0; rank < candidates.size(); ++rank) {
      const Candidate& candidate = candidates[rank];
      if (is_full_length || is_end(candidate.id)) {
        if (rank < options_->num_beams) add_complete(candidate, length);
      } else if (growing.size() < options_->num_beams) {
        growing.push_back(candidate);
      }
    }
    if (growing.empty() || !can_improve(growing.front(), length)) return false;
    grow(growing);
    return true;
  }

  [[nodiscard]] std::size_t num_new() const noexcept {
    return beams_.front().ids.size() - prompt_tokens_;
  }
  [[nodiscard]] bool is_end(TokenId id) const {
    return std::ranges::find(options_->eos_ids, id) != options_->eos_ids.end();
  }
  [[nodiscard]] bool is_full() const { return complete_.size() >= options_->num_beams; }
  [[nodiscard]] double normalized(double log_probability, std::size_t length) const {
    return log_probability / std::pow(static_cast<double>(length), options_->length_penalty);
  }

  // hf: beams_to_keep: enough to go on with num_beams beams when others end.
  [[nodiscard]] std::vector<Candidate> best_candidates(MatrixView<float> logits) const {
    BestCandidates best(std::max<std::size_t>(2, 1 + options_->eos_ids.size()) *
                        options_->num_beams);
    for (std::size_t beam = 0; beam < beams_.size(); ++beam) {
      const std::span<float> scores = logits.row(beam);
      const double normalizer = log_sum_exp(scores);
      for (float& score : scores) score = static_cast<float>(double{score} - normalizer);
      apply_rules(*options_, beams_[beam].ids, num_new(), scores);
      for (std::size_t id = 0; id < scores.size(); ++id) {
        if (scores[id] == -std::numeric_limits<float>::infinity()) continue;
        best.offer(
            {beams_[beam].log_probability + double{scores[id]}, beam, static_cast<TokenId>(id)});
      }
    }
    return best.list();
  }

  void add_complete(const Candidate& candidate, std::size_t length) {
    const std::vector<TokenId>& ids = beams_[candidate.beam].ids;
    BeamHypothesis hypothesis;
    hypothesis.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(prompt_tokens_), ids.end());
    hypothesis.ids.push_back(candidate.id);
    hypothesis.score = normalized(candidate.log_probability, length);
    hypothesis.ended = is_end(candidate.id);
    const auto place = std::upper_bound(
        complete_.begin(), complete_.end(), hypothesis,
        [](const BeamHypothesis& a, const BeamHypothesis& b) { return a.score > b.score; });
    complete_.insert(place, std::move(hypothesis));
    if (complete_.size() > options_->num_beams) complete_.pop_back();
  }

  // hf: _check_early_stop_heuristic: the best beam, were it to end now (or, "never", as late as it
  // may if that favours it), against the worst complete hypothesis.
  [[nodiscard]] bool can_improve(const Candidate& best, std::size_t length) const {
    if (!is_full()) return true;
    if (options_->early_stopping == EarlyStopping::kWhenFull) return false;
    const bool may_end_late =
        options_->early_stopping == EarlyStopping::kNever && options_->length_penalty > 0.0;
    const std::size_t end_length = may_end_late ? options_->max_tokens : length;
    return normalized(best.log_probability, end_length) > complete_.back().score;
  }

  // Replaces the beams by their extensions, which share what their caches have in common.
  void grow(const std::vector<Candidate>& candidates) {
    std::vector<Beam> next;
    next.reserve(candidates.size());
    for (const Candidate& candidate : candidates) {
      const Beam& parent = beams_[candidate.beam];
      next.push_back({parent.ids, candidate.log_probability, parent.cache});
      next.back().ids.push_back(candidate.id);
    }
    beams_ = std::move(next);
  }

  const GenerationOptions* options_;
  std::size_t prompt_tokens_;
  std::vector<Beam> beams_;
  std::vector<BeamHypothesis> complete_;  // best first
  bool goes_on_ = true;
};

}  // namespace

std::vector<std::vector<BeamHypothesis>> beam_search(const Decoder& decoder,
                                                     const PromptBatch& batch,
                                                     const GenerationOptions& options,
                                                     ThreadPool& pool) {
  std::vector<std::vector<BeamHypothesis>> results(batch.prompts.size());
  BatchWork work;
  work.batch = batch;
  work.begin = [&](std::size_t i) {
    return std::make_unique<BeamSearch>(decoder, *batch.prompts[i], options);
  };
  work.end = [&](std::size_t i, PromptSearch& search) {
    results[i] = static_cast<BeamSearch&>(search).complete();
  };
  run_batch(decoder, work, pool);
  return results;
}

}  // namespace vlm
