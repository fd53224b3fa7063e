#include "language/score.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "core/byte_text.h"
#include "core/error.h"
#include "language/logits_rules.h"
#include "tensor/matrix.h"
#include "tensor/maximum.h"
#include "tensor/normalization.h"

namespace vlm {
namespace {

// Continuations run together until they have so many tokens, and logits are computed for so many
// rows at a time: enough for full-speed products, and memory stays bounded.
constexpr std::size_t kJointRows = 1024;
constexpr std::size_t kLogitRows = 64;

void check_request(const ScoringRequest& request, std::size_t index, const DecoderConfig& config) {
  check_prompt(request.prompt, index, config);
  for (std::size_t i = 0; i < request.continuations.size(); ++i) {
    const std::vector<TokenId>& ids = request.continuations[i];
    const auto fail = [&](const std::string& problem) {
      throw Error(ErrorCode::kInvalidArgument, "prompt " + std::to_string(index) +
                                                   ": continuation " + std::to_string(i) + ": " +
                                                   problem);
    };
    if (ids.empty()) fail("expected at least one token: 0");
    for (const TokenId id : ids) {
      if (id >= 0 && static_cast<std::size_t>(id) < config.vocab_size) continue;
      fail("token id outside the vocabulary of " + std::to_string(config.vocab_size) + ": " +
           std::to_string(id));
    }
  }
}

// Adds one token, given the logits [vocab] before it.
void add_token(std::span<const float> logits, TokenId id, ContinuationScore& score) {
  const auto place = static_cast<std::size_t>(id);
  score.log_likelihood += double{logits[place]} - log_sum_exp(logits);
  score.is_greedy = score.is_greedy && index_of_largest(logits) == place;
  ++score.num_tokens;
}

// Scores one request.
class RequestScorer {
 public:
  RequestScorer(const Decoder& decoder, const ScoringRequest& request, ThreadPool& pool)
      : decoder_(&decoder), request_(&request), pool_(&pool) {}

  std::vector<ContinuationScore> score() {
    scores_.resize(request_->continuations.size());
    std::vector<std::size_t> after_prompt;
    for (const std::size_t index : in_order_of_ids()) {
      if (decoder_->config().rope_scaling.depends_on_length(rows_with_prompt(index))) {
        score_alone(index);
      } else {
        after_prompt.push_back(index);
      }
    }
    if (!after_prompt.empty()) score_after_prompt(after_prompt);
    return std::move(scores_);
  }

 private:
  [[nodiscard]] const std::vector<TokenId>& continuation(std::size_t index) const {
    return request_->continuations[index];
  }
  // The last token of a continuation predicts nothing, so it is not run.
  [[nodiscard]] std::span<const TokenId> run_ids(std::size_t index) const {
    return std::span(continuation(index)).first(continuation(index).size() - 1);
  }
  [[nodiscard]] std::size_t rows_with_prompt(std::size_t index) const {
    return request_->prompt.ids.size() + run_ids(index).size();
  }

  // So that the products, and with them the last bits, do not depend on the order of the request.
  [[nodiscard]] std::vector<std::size_t> in_order_of_ids() const {
    std::vector<std::size_t> order(request_->continuations.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return continuation(a) < continuation(b); });
    return order;
  }

  // A continuation whose length changes the positions of its prompt's tokens.
  void score_alone(std::size_t index) {
    GenerationPrompt whole = request_->prompt;
    const std::size_t last = whole.ids.size() - 1;
    whole.ids.insert(whole.ids.end(), run_ids(index).begin(), run_ids(index).end());
    KvCache cache = decoder_->make_cache();
    const Matrix<float> hidden = run(whole, cache);
    add_tokens(index, 0, hidden.view().rows(last, hidden.rows() - last));
  }

  void score_after_prompt(std::span<const std::size_t> indices) {
    KvCache cache = decoder_->make_cache();
    const Matrix<float> prompt = run(request_->prompt, cache);
    const MatrixView<float> first_logits = logits(prompt.view().rows(prompt.rows() - 1, 1));
    for (const std::size_t index : indices) {
      add_token(first_logits.row(0), continuation(index)[0], scores_[index]);
    }
    std::size_t first = 0;
    while (first < indices.size()) {
      std::size_t count = 1;
      std::size_t rows = run_ids(indices[first]).size();
      while (first + count < indices.size() &&
             rows + run_ids(indices[first + count]).size() <= kJointRows) {
        rows += run_ids(indices[first + count]).size();
        ++count;
      }
      if (rows > 0) score_joint(indices.subspan(first, count), rows, cache);
      first += count;
    }
  }

  // Continuations as one ragged batch behind copies of the prompt's cache.
  void score_joint(std::span<const std::size_t> indices, std::size_t rows, const KvCache& prompt) {
    Matrix<float> hidden(rows, decoder_->config().hidden_size);
    std::vector<KvCache> caches;
    caches.reserve(indices.size());
    std::vector<std::size_t> run_indices;
    std::vector<SequenceRows> sequences;
    std::size_t row = 0;
    for (const std::size_t index : indices) {
      const std::span<const TokenId> ids = run_ids(index);
      if (ids.empty()) continue;
      caches.push_back(prompt);
      decoder_->embed(ids, hidden.view().rows(row, ids.size()));
      sequences.push_back({&caches.back(), row, ids.size()});
      run_indices.push_back(index);
      row += ids.size();
    }
    decoder_->forward(hidden.view(), sequences, scratch_, *pool_);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      add_tokens(run_indices[i], 1,
                 hidden.view().rows(sequences[i].first_row, sequences[i].num_rows));
    }
  }

  // Runs a prompt into its empty cache: its residual rows [ids, hidden].
  Matrix<float> run(const GenerationPrompt& prompt, KvCache& cache) {
    Matrix<float> hidden(prompt.ids.size(), decoder_->config().hidden_size);
    embed_prompt(*decoder_, prompt, 0, hidden.view());
    const SequenceRows rows{&cache, 0, hidden.rows()};
    decoder_->forward(hidden.view(), {&rows, 1}, scratch_, *pool_);
    return hidden;
  }

  // Adds the tokens from number `first` on; hidden [tokens, hidden] are the rows before each.
  void add_tokens(std::size_t index, std::size_t first, MatrixView<const float> hidden) {
    for (std::size_t done = 0; done < hidden.rows(); done += kLogitRows) {
      const std::size_t count = std::min(kLogitRows, hidden.rows() - done);
      const MatrixView<float> rows = logits(hidden.rows(done, count));
      for (std::size_t i = 0; i < count; ++i) {
        add_token(rows.row(i), continuation(index)[first + done + i], scores_[index]);
      }
    }
  }

  // The logits [rows, vocab] of at most kLogitRows rows, valid until the next call.
  MatrixView<float> logits(MatrixView<const float> hidden) {
    if (logits_.rows() == 0) logits_ = Matrix<float>(kLogitRows, decoder_->config().vocab_size);
    const MatrixView<float> out = logits_.first_rows(hidden.rows());
    decoder_->logits(hidden, out, scratch_, *pool_);
    refuse_nan(out);
    return out;
  }

  const Decoder* decoder_;
  const ScoringRequest* request_;
  ThreadPool* pool_;
  DecoderScratch scratch_;
  Matrix<float> logits_;  // [kLogitRows, vocab], made when first needed
  std::vector<ContinuationScore> scores_;
};

// What scoring a request takes, at most: the rows that are run together, their keys and values,
// logits.
std::size_t bytes_of(const Decoder& decoder, const ScoringRequest& request) {
  const DecoderConfig& config = decoder.config();
  const std::size_t prompt = request.prompt.ids.size();
  const auto cache_bytes = [&](std::size_t tokens) {
    return KvCache::bytes_for(decoder.hops().size(), config.kv_width(), tokens);
  };
  const std::size_t shared = cache_bytes(prompt / KvCache::kPageTokens * KvCache::kPageTokens);
  std::size_t longest = 0;
  std::size_t sum = 0;
  std::size_t caches = cache_bytes(prompt);
  for (const std::vector<TokenId>& continuation : request.continuations) {
    longest = std::max(longest, continuation.size());
    sum += continuation.size();
    caches += cache_bytes(prompt + continuation.size()) - shared;
  }
  const std::size_t joint = std::max(longest, std::min(sum, kJointRows));
  const std::size_t rows = config.rope_scaling.depends_on_length(prompt + longest)
                               ? prompt + longest
                               : std::max(prompt, joint);
  return caches + rows * row_bytes(config) +
         (prompt * config.hidden_size + kLogitRows * config.vocab_size) * sizeof(float);
}

// How many requests may run at a time.
std::size_t requests_at_once(const Decoder& decoder, std::span<const ScoringRequest> requests,
                             std::size_t memory_bytes) {
  std::size_t most = 1;
  for (const ScoringRequest& request : requests) most = std::max(most, bytes_of(decoder, request));
  if (most > memory_bytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "memory: the longest prompt with its continuations needs " + byte_text(most) +
                    ": left are " + byte_text(memory_bytes, ByteRounding::kDown));
  }
  return memory_bytes / most;
}

}  // namespace

std::vector<std::vector<ContinuationScore>> score_continuations(
    const Decoder& decoder, std::span<const ScoringRequest> requests, ThreadPool& pool,
    std::size_t memory_bytes) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    check_request(requests[i], i, decoder.config());
  }
  std::vector<std::vector<ContinuationScore>> scores(requests.size());
  const std::size_t fit = requests_at_once(decoder, requests, memory_bytes);
  const std::size_t step = fit < pool.num_threads() ? fit : requests.size();
  for (std::size_t first = 0; first < requests.size(); first += step) {
    pool.parallel_for(std::min(step, requests.size() - first), [&](std::size_t i) {
      scores[first + i] = RequestScorer(decoder, requests[first + i], pool).score();
    });
  }
  return scores;
}

}  // namespace vlm
